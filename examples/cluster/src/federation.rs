use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{refused::Refused, state::Shared};

/// Another cluster to link.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    cluster: String,
}

/// `POST /federation/links`: a feature of some plans.
pub(crate) async fn link(
    State(cluster): Shared,
    body: Result<Json<Link>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let Json(Link { cluster: other }) = body?;
    cluster.guard.require("federation")?;
    let mut table = cluster.table();
    table.links.insert(other.clone());
    table.note("cluster linked", other);
    Ok((StatusCode::CREATED, Json(json!({"links": table.links}))))
}

/// `GET /federation/links`
pub(crate) async fn list(State(cluster): Shared) -> Json<Value> {
    Json(json!({"links": cluster.table().links}))
}
