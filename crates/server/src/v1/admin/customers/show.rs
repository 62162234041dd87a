use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read},
    problem::Result,
    shape,
};

/// Shows a customer by id or reference; the mail address only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/customers/{id}", tag = "operator", responses(
    (status = 200, body = api::Customer, description = "The customer")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    At(address): At,
) -> Result<Json<api::Customer>> {
    Ok(Json(shape::customer(&app.authority.customer(address).await?, caller.sees_personal())))
}
