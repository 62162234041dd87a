use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditProduct;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::CatalogueWrite},
    problem::Result,
};

/// Changes a product.
#[utoipa::path(patch, path = "/v1/admin/products/{id}", tag = "operator", request_body = api::ProductEdit, responses(
    (status = 200, body = api::Product, description = "The product as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::ProductEdit>,
) -> Result<Response> {
    let api::ProductEdit { name, key_prefix, contact, lease_alg, key_format } = value;
    let edit = EditProduct {
        name,
        key_prefix,
        contact: convert::contact_edit(contact),
        lease_alg,
        key_format: key_format.map(convert::key_format_of),
    };
    let edited = |cx| app.authority.edit_product(cx, address, edit);
    caller.change(&app, &sent, StatusCode::OK, convert::product, edited).await
}
