use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Caller, scope::Read, shown},
    problem::Result,
};

/// Shows a license by its id.
#[utoipa::path(get, path = "/v1/admin/licenses/{id}", tag = "operator", responses(
    (status = 200, body = api::License, description = "The license")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    AtVersioned(address): AtVersioned,
) -> Result<Response> {
    Ok(shown(&app, &app.authority.license(caller.sight(), address).await?, convert::license))
}
