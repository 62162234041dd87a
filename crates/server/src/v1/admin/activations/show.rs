use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{At, Caller, scope::Read},
    problem::Result,
};

/// Shows an activation; the address that it calls from only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/activations/{id}", tag = "operator", responses(
    (status = 200, body = api::Activation, description = "The activation")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    At(address): At,
) -> Result<Json<api::Activation>> {
    let id = convert::activation_id(&address)?;
    let found = app.authority.activation(caller.sight(), id).await?;
    Ok(Json(convert::activation_for(&found, caller.sees_personal())))
}
