use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditFeature;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::CatalogueWrite},
    problem::Result,
};

/// Changes a feature.
#[utoipa::path(patch, path = "/v1/admin/features/{id}", tag = "operator", request_body = api::FeatureEdit, responses(
    (status = 200, body = api::Feature, description = "The feature as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::FeatureEdit>,
) -> Result<Response> {
    let api::FeatureEdit { title, benefit } = value;
    let edit = EditFeature { title, benefit };
    let edited = |cx| app.authority.edit_feature(cx, address, edit);
    caller.change(&app, &sent, StatusCode::OK, convert::feature, edited).await
}
