use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::Deserialize;

use crate::{refused::Refused, state::Shared};

/// The usage of a node.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Carried {
    node: String,
    usage: BTreeMap<String, u64>,
}

/// `POST /usage`: a node that follows another one sends its usage, which also shows that it is there.
pub(crate) async fn carry(
    State(cluster): Shared,
    body: Result<Json<Carried>, JsonRejection>,
) -> Result<StatusCode, Refused> {
    let Json(Carried { node, usage }) = body?;
    cluster.keeps_the_lease()?;
    if !cluster.table().nodes().contains(&node.as_str()) {
        return Err(Refused::new(StatusCode::NOT_FOUND, "not_found", &format!("There is no node {node}.")));
    }
    for (counter, amount) in usage {
        cluster.guard.record(&counter, amount)?;
    }
    Ok(StatusCode::NO_CONTENT)
}
