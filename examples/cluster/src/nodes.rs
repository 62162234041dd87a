use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{cluster::Cluster, refused::Refused, state::Shared};

/// A node that wants to join.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Join {
    name: String,
    /// The id of the cluster that it belongs to, where it is a process of its own.
    #[serde(default)]
    cluster: Option<String>,
}

/// `POST /nodes`: asks the license before the cluster grows.
pub(crate) async fn join(
    State(cluster): Shared,
    body: Result<Json<Join>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let Json(Join { name, cluster: id }) = body?;
    cluster.keeps_the_lease()?;
    if !(1..=64).contains(&name.len()) || name.chars().any(|c| !c.is_ascii_graphic()) {
        let error = "A node's name has 1 to 64 printable characters and no space.";
        return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", error));
    }
    match id {
        None => cluster.join(&name)?,
        Some(id) => cluster.admit(&name, &id)?,
    }
    Ok((StatusCode::CREATED, Json(nodes(&cluster))))
}

/// `GET /cluster`: what another node needs to know before it joins.
pub(crate) async fn cluster(State(cluster): Shared) -> Json<Value> {
    Json(json!({"id": cluster.id, "name": cluster.name}))
}

/// `GET /nodes`
pub(crate) async fn list(State(cluster): Shared) -> Json<Value> {
    Json(nodes(&cluster))
}

/// `DELETE /nodes/{name}`
pub(crate) async fn leave(State(cluster): Shared, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    if name == cluster.name {
        let error = "The cluster's first node leaves only with the cluster.";
        return Err(Refused::new(StatusCode::CONFLICT, "wrong_state", error));
    }
    if cluster.dismiss(&name) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refused::new(StatusCode::NOT_FOUND, "not_found", &format!("There is no node {name}.")))
    }
}

fn nodes(cluster: &Cluster) -> Value {
    json!({"nodes": cluster.table().nodes()})
}
