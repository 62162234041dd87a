use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Caller, scope::Read, shown},
    problem::Result,
};

/// Shows a feature by `<product>:<code>`.
#[utoipa::path(get, path = "/v1/admin/features/{id}", tag = "operator", responses(
    (status = 200, body = api::Feature, description = "The feature")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    AtVersioned(address): AtVersioned,
) -> Result<Response> {
    Ok(shown(&app, &app.authority.feature(caller.sight(), address).await?, convert::feature))
}
