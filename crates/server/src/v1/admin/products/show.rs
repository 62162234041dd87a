use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read},
    problem::Result,
    shape,
};

/// Shows a product by its code.
#[utoipa::path(get, path = "/v1/admin/products/{id}", tag = "operator", responses(
    (status = 200, body = api::Product, description = "The product")))]
pub(crate) async fn show(
    State(app): State<App>,
    _: Caller<Read>,
    At(address): At,
) -> Result<Json<api::Product>> {
    Ok(Json(shape::product(&app.authority.product(address).await?)))
}
