use std::{net::SocketAddr, time::Duration};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{error::RunError, state::Shared};

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

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the process at this address for its health. A cluster that its license has stopped is alive, too.
///
/// # Errors
/// If it does not answer with 200.
pub fn probe(address: SocketAddr) -> Result<(), RunError> {
    let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None);
    let asked = config.build().new_agent().get(format!("http://{address}/health")).call();
    asked.map(drop).map_err(|error| RunError::Unhealthy(address, Box::new(error)))
}
