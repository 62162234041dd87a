use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read, shown},
    problem::Result,
    shape,
};

/// Shows a customer by id or reference; the mail address only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/customers/{id}", tag = "operator", responses(
    (status = 200, body = api::Customer, description = "The customer")))]
pub(crate) async fn show(State(app): State<App>, caller: Caller<Read>, At(address): At) -> Result<Response> {
    let personal = caller.sees_personal();
    let found = app.authority.customer(caller.sight(), address).await?;
    Ok(shown(&app, &found, |customer| shape::customer(customer, personal)))
}
