use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read, shown},
    problem::Result,
    shape,
};

/// Shows a license by its id.
#[utoipa::path(get, path = "/v1/admin/licenses/{id}", tag = "operator", responses(
    (status = 200, body = api::License, description = "The license")))]
pub(crate) async fn show(State(app): State<App>, caller: Caller<Read>, At(address): At) -> Result<Response> {
    Ok(shown(&app, &app.authority.license(caller.sight(), address).await?, shape::license))
}
