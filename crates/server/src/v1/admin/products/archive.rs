use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Archive, AtVersioned, Body, Caller, Changes, NoMembers, Params, scope::CatalogueWrite},
    problem::Result,
};

/// Hides a product: no new plan or license is made of it.
#[utoipa::path(delete, path = "/v1/admin/products/{id}", tag = "operator", params(Archive), responses(
    (status = 200, body = api::Product, description = "The product, archived")))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Params(archive): Params<Archive>,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let archived = |cx| app.authority.archive_product(cx, address, archive.force);
    caller.change(&app, &sent, StatusCode::OK, convert::product, archived).await
}
