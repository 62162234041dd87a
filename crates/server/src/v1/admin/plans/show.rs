use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Caller, scope::Read, shown},
    problem::Result,
};

/// Shows a plan by `<product>:<code>`.
#[utoipa::path(get, path = "/v1/admin/plans/{id}", tag = "operator", responses(
    (status = 200, body = api::Plan, description = "The plan")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    AtVersioned(address): AtVersioned,
) -> Result<Response> {
    Ok(shown(&app, &app.authority.plan(caller.sight(), address).await?, convert::plan))
}
