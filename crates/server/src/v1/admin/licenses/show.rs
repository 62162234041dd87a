use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read},
    problem::Result,
    shape,
};

/// Shows a license by its id or key.
#[utoipa::path(get, path = "/v1/admin/licenses/{id}", tag = "operator", responses(
    (status = 200, body = api::License, description = "The license")))]
pub(crate) async fn show(
    State(app): State<App>,
    _: Caller<Read>,
    At(address): At,
) -> Result<Json<api::License>> {
    Ok(Json(shape::license(&app.authority.license(address).await?)))
}
