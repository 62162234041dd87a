use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{Archive, At, Body, Caller, NoMembers, Params, scope::CatalogueWrite},
    problem::Result,
    shape,
};

/// Hides a feature: it stands in no catalogue.
#[utoipa::path(delete, path = "/v1/admin/features/{id}", tag = "operator", params(Archive), responses(
    (status = 200, body = api::Feature, description = "The feature, archived")))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller<CatalogueWrite>,
    At(address): At,
    Params(archive): Params<Archive>,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let archived = |cx| app.authority.archive_feature(cx, address, archive.force);
    caller.change(&app, &sent, StatusCode::OK, shape::feature, archived).await
}
