use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::NewFeature;

use crate::{
    App,
    extract::{Body, Caller, scope::CatalogueWrite},
    problem::Result,
    shape,
};

/// Makes a feature of a product.
#[utoipa::path(post, path = "/v1/admin/features", tag = "operator", request_body = api::FeatureCreate, responses(
    (status = 201, body = api::Feature, description = "The new feature")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<CatalogueWrite>,
    Body { value, sent }: Body<api::FeatureCreate>,
) -> Result<Response> {
    let api::FeatureCreate { product, code, title, benefit } = value;
    let new = NewFeature { product: product.to_string(), code, title, benefit };
    caller
        .change(&app, &sent, StatusCode::CREATED, shape::feature, |cx| app.authority.create_feature(cx, new))
        .await
}
