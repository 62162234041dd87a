use axum::{extract::State, http::header::CONTENT_TYPE, response::IntoResponse};

use crate::{refused::Refused, state::Shared};

/// `GET /audit/export`: what happened to jobs, nodes and links, a JSON line each. A feature of some plans.
pub(crate) async fn export(State(cluster): Shared) -> Result<impl IntoResponse, Refused> {
    cluster.guard.require("audit_export")?;
    let events = cluster.table().events.clone();
    let lines: Vec<_> = events.iter().map(|event| serde_json::json!(event).to_string() + "\n").collect();
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines.concat()))
}
