use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::state::Shared;

/// `GET /health`: a cluster without a license in order is alive, and takes no jobs.
pub(crate) async fn health(State(cluster): Shared) -> Json<Value> {
    let denied = cluster.guard.check().err();
    Json(json!({
        "status": "ok",
        "takes_jobs": denied.is_none(),
        "license": cluster.guard.state().as_str(),
        "reason": denied.map(|denied| denied.message.clone()),
    }))
}
