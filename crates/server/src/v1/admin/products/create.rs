use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::NewProduct;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::CatalogueWrite},
    problem::Result,
};

/// Makes a product.
#[utoipa::path(post, path = "/v1/admin/products", tag = "operator", request_body = api::ProductCreate, responses(
    (status = 201, body = api::Product, description = "The new product")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    Body { value, sent }: Body<api::ProductCreate>,
) -> Result<Response> {
    let api::ProductCreate { code, name, key_prefix, contact, lease_alg, key_format } = value;
    let new = NewProduct {
        code,
        name,
        key_prefix,
        contact: convert::contact_of(contact),
        lease_alg,
        key_format: key_format.map(convert::key_format_of),
    };
    caller
        .change(&app, &sent, StatusCode::CREATED, convert::product, |cx| {
            app.authority.create_product(cx, new)
        })
        .await
}
