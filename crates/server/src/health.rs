//! Health, readiness and metrics of the process.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use kaching_base::ErrorCode;
use serde::Serialize;

use crate::{
    App,
    extract::{Open, Public},
    metrics::MetricsFormat,
    problem::{Rejected, Result},
    route::{Routes, route},
};

/// The health of the process.
#[derive(Serialize, utoipa::ToSchema)]
struct Alive {
    /// `ok`.
    status: &'static str,
    /// The version of the server.
    version: &'static str,
}

pub(crate) fn public_routes() -> Routes<App> {
    Routes::new().add(route!(health)).add(route!(ready))
}

pub(crate) fn private_routes() -> Routes<App> {
    Routes::new().add(route!(metrics))
}

const ALIVE: Alive = Alive { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Whether the process is alive.
#[utoipa::path(get, path = "/health", tag = "health",
    responses((status = 200, body = Alive, description = "It is alive")))]
async fn health(_: Public<Open>) -> axum::Json<Alive> {
    axum::Json(ALIVE)
}

/// Whether database, schema, clock and keys are usable, and the server is not about to stop.
#[utoipa::path(get, path = "/ready", tag = "health",
    responses((status = 200, body = Alive, description = "It is ready")))]
async fn ready(State(app): State<App>, _: Public<Open>) -> Result<axum::Json<Alive>> {
    if app.is_leaving() {
        let detail = "this server is about to stop";
        return Err(Rejected::new(ErrorCode::Overloaded, detail).retry_within(1, 3).because("not ready"));
    }
    match app.authority.ready().await {
        Ok(()) => Ok(axum::Json(ALIVE)),
        Err(error) => {
            let detail = match error.out_of_order() {
                Some(what) => what.to_owned(),
                None if error.code() == ErrorCode::Overloaded => {
                    "the authority's database does not answer in time".to_owned()
                }
                None => "the authority failed; its log says why".to_owned(),
            };
            let cause = format!("not ready: {error}");
            Err(Rejected::new(ErrorCode::Overloaded, detail).retry_within(1, 3).because(cause))
        }
    }
}

/// The metrics of the authority, in the text format of Prometheus, or in that of OpenMetrics where `Accept` prefers it.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "The metrics", content(
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    ))))]
async fn metrics(State(app): State<App>, _: Public<Open>, headers: HeaderMap) -> Result<Response> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &app.registry)
        .map_err(|e| Rejected::failure(format!("the metrics cannot be written: {e}")))?;
    let format = MetricsFormat::preferred(&headers);
    let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept")];
    Ok((StatusCode::OK, headers, format.write(text)).into_response())
}
