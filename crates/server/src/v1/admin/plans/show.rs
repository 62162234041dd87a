use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read, shown},
    problem::Result,
    shape,
};

/// Shows a plan by `<product>:<code>`.
#[utoipa::path(get, path = "/v1/admin/plans/{id}", tag = "operator", responses(
    (status = 200, body = api::Plan, description = "The plan")))]
pub(crate) async fn show(State(app): State<App>, caller: Caller<Read>, At(address): At) -> Result<Response> {
    Ok(shown(&app, &app.authority.plan(caller.sight(), address).await?, shape::plan))
}
