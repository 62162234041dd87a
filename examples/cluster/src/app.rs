use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::{delete, get, post},
};
use kaching_client::License;

use crate::{audit, cluster::Cluster, federation, health, jobs, nodes, refused::Refused, usage};

/// Where the license's own calls are.
pub(crate) const LICENSING: &str = "/api/v1/licensing";

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
        .route("/usage", post(usage::carry))
        .route("/cluster", get(nodes::cluster))
        .route(&format!("{LICENSING}/lease"), get(lease))
        .route("/license", get(license))
        .route("/license/renew", post(renew))
        .route("/health", get(health::health))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(cluster)
}

/// The license as this cluster knows it.
async fn license(State(cluster): Shared) -> Json<License> {
    Json(cluster.guard.license())
}

/// What the cluster's other nodes run on.
async fn lease(State(cluster): Shared) -> Result<Vec<u8>, Refused> {
    let none = || Refused::new(StatusCode::NOT_FOUND, "not_found", "There is no lease yet.");
    cluster.guard.handover().ok_or_else(none)
}

/// `POST /license/renew`: a heartbeat now, for an admin who does not want to wait.
async fn renew(State(cluster): Shared) -> Json<License> {
    let guard = cluster.guard.clone();
    // It waits for the authority, which is no work for a thread of the runtime.
    let renewed = tokio::task::spawn_blocking(move || {
        guard.heartbeat_now();
        guard.license()
    });
    Json(renewed.await.unwrap_or_else(|_| cluster.guard.license()))
}
