use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Admin},
    problem::Result,
    shape,
};

/// Shows an API token.
#[utoipa::path(get, path = "/v1/admin/tokens/{id}", tag = "operator", responses(
    (status = 200, body = api::Token, description = "The token")))]
pub(crate) async fn show(
    State(app): State<App>,
    _: Caller<Admin>,
    At(address): At,
) -> Result<Json<api::Token>> {
    Ok(Json(shape::token(&app.authority.token(address).await?)))
}
