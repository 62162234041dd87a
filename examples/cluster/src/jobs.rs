use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use serde::Deserialize;

use crate::{job::Job, refused::Refused, state::Shared};

/// The most rounds that one job may have: some seconds of work.
const MOST: u64 = 1_000_000_000;

/// Something to compute.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Submit {
    input: String,
    #[serde(default = "one_thousand")]
    rounds: u64,
}

fn one_thousand() -> u64 {
    1000
}

/// `POST /jobs`
pub(crate) async fn submit(
    State(cluster): Shared,
    body: Result<Json<Submit>, JsonRejection>,
) -> Result<(StatusCode, Json<Job>), Refused> {
    let Json(Submit { input, rounds }) = body?;
    if !(1..=MOST).contains(&rounds) {
        let error = format!("rounds is 1 to {MOST}, not {rounds}.");
        return Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", &error));
    }
    Ok((StatusCode::ACCEPTED, Json(cluster.submit(input, rounds)?)))
}

/// `GET /jobs`: the last hundred.
pub(crate) async fn list(State(cluster): Shared) -> Json<Vec<Job>> {
    Json(cluster.table().jobs.values().rev().take(100).cloned().collect())
}

/// `GET /jobs/{id}`
pub(crate) async fn show(State(cluster): Shared, Path(id): Path<String>) -> Result<Json<Job>, Refused> {
    let job = id.parse().ok().and_then(|id: u64| cluster.table().jobs.get(&id).cloned());
    job.map(Json)
        .ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "not_found", &format!("There is no job {id}.")))
}
