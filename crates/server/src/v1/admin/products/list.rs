use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::ProductFilter;

use crate::{
    App,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
    shape,
};

list_query! {
    /// Which products are listed.
    Query => ProductFilter {
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists products.
#[utoipa::path(get, path = "/v1/admin/products", tag = "operator", params(Query), responses(
    (status = 200, body = api::List<api::Product>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<Query>,
) -> Result<Json<api::List<api::Product>>> {
    Ok(Json(shape::page(app.authority.products(caller.sight(), query.list()).await?, shape::product)))
}
