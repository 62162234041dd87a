use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::NewFeature;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::CatalogueWrite},
    problem::Result,
};

/// Makes a feature of a product.
#[utoipa::path(post, path = "/v1/admin/features", tag = "operator", request_body = api::FeatureCreate, responses(
    (status = 201, body = api::Feature, description = "The new feature")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    Body { value, sent }: Body<api::FeatureCreate>,
) -> Result<Response> {
    let api::FeatureCreate { product, code, title, benefit } = value;
    let new = NewFeature { product: product.to_string(), code, title, benefit };
    caller
        .change(&app, &sent, StatusCode::CREATED, convert::feature, |cx| {
            app.authority.create_feature(cx, new)
        })
        .await
}
