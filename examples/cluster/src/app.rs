use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::{delete, get, post},
};
use kaching_client::License;

use crate::{audit, cluster::Cluster, federation, health, jobs, nodes};

/// What every handler has.
pub(crate) type Shared = State<Arc<Cluster>>;

/// Every call of the service.
pub(crate) fn router(cluster: Arc<Cluster>) -> Router {
    Router::new()
        .route("/jobs", post(jobs::submit).get(jobs::list))
        .route("/jobs/{id}", get(jobs::show))
        .route("/nodes", post(nodes::join).get(nodes::list))
        .route("/nodes/{name}", delete(nodes::leave))
        .route("/federation/links", post(federation::link).get(federation::list))
        .route("/audit/export", get(audit::export))
        .route("/license", get(license))
        .route("/health", get(health::health))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(cluster)
}

/// The license as this cluster knows it.
async fn license(State(cluster): Shared) -> Json<License> {
    Json(cluster.guard.license())
}
