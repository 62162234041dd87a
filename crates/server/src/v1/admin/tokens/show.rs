use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Caller, scope::Admin, shown},
    problem::Result,
};

/// Shows an API token.
#[utoipa::path(get, path = "/v1/admin/tokens/{id}", tag = "operator", responses(
    (status = 200, body = api::Token, description = "The token")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Admin>,
    AtVersioned(address): AtVersioned,
) -> Result<Response> {
    Ok(shown(&app, &app.authority.token(caller.sight(), address).await?, convert::token))
}
