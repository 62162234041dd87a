use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Caller, scope::Read, shown},
    problem::Result,
};

/// Shows a product by its code.
#[utoipa::path(get, path = "/v1/admin/products/{id}", tag = "operator", responses(
    (status = 200, body = api::Product, description = "The product")))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller<Read>,
    AtVersioned(address): AtVersioned,
) -> Result<Response> {
    Ok(shown(&app, &app.authority.product(caller.sight(), address).await?, convert::product))
}
