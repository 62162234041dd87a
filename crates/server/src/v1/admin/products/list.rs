use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::ProductFilter;

use crate::{
    App, convert,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
};

list_query! {
    /// Which products are listed.
    ProductQuery => ProductFilter {
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists products.
#[utoipa::path(get, path = "/v1/admin/products", tag = "operator", params(ProductQuery), responses(
    (status = 200, body = api::List<api::Product>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<ProductQuery>,
) -> Result<Json<api::List<api::Product>>> {
    Ok(Json(convert::page(app.authority.products(caller.sight(), query.list()).await?, convert::product)))
}
