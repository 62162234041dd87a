use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Caller, scope::Read, shown},
    problem::Result,
};

/// Shows a customer by id or reference; the mail address only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/customers/{id}", tag = "operator", responses(
    (status = 200, body = api::Customer, description = "The customer")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    AtVersioned(address): AtVersioned,
) -> Result<Response> {
    let personal = caller.sees_personal();
    let found = app.authority.customer(caller.sight(), address).await?;
    Ok(shown(&app, &found, |customer| convert::customer(customer, personal)))
}
