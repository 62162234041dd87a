use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{At, Caller, scope::LicensesKey},
    problem::Result,
};

/// Shows a license's key; who did is written down.
#[utoipa::path(get, path = "/v1/admin/licenses/{id}/key", tag = "operator", responses(
    (status = 200, body = api::LicenseKeyAnswer, description = "The present key")))]
pub(crate) async fn key(
    State(app): State<App>,
    caller: Caller<LicensesKey>,
    At(address): At,
) -> Result<Json<api::LicenseKeyAnswer>> {
    Ok(Json(convert::revealed_key(&app.authority.reveal_key(caller.cx(), address).await?)))
}
