use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{header, request::Parts},
    routing::{delete, get, post},
};
use kaching_client::License;

use crate::{audit, cluster::Cluster, federation, health, jobs, nodes, state::Shared, usage};

/// The path of the licensing router.
pub(crate) const LICENSING: &str = "/api/v1/licensing";

/// Every call of the service.
pub(crate) fn router(cluster: Arc<Cluster>, admin_token: Option<String>) -> Router {
    let licensing = kaching_client::router(cluster.guard.clone())
        .allow_writes(move |request| is_admin(request, admin_token.as_deref()))
        .into_router();
    Router::new()
        .nest(LICENSING, licensing)
        .route("/jobs", post(jobs::submit).get(jobs::list))
        .route("/jobs/{id}", get(jobs::show))
        .route("/nodes", post(nodes::join).get(nodes::list))
        .route("/nodes/{name}", delete(nodes::leave))
        .route("/federation/links", post(federation::link).get(federation::list))
        .route("/audit/export", get(audit::export))
        .route("/usage", post(usage::carry))
        .route("/cluster", get(nodes::cluster))
        .route("/license", get(license))
        .route("/health", get(health::health))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(cluster)
}

/// The license as this cluster knows it.
async fn license(State(cluster): Shared) -> Json<License> {
    Json(cluster.guard.license())
}

/// Whether a request comes from the cluster's admin, who has the token that the cluster was started with. Without a token
/// there is no admin.
fn is_admin(request: &Parts, token: Option<&str>) -> bool {
    let shown = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    // As long for a wrong token as for the right one.
    token.is_some_and(|token| {
        let pairs = token.bytes().zip(shown.bytes());
        pairs.fold(token.len() ^ shown.len(), |differ, (a, b)| differ | usize::from(a ^ b)) == 0
    })
}
