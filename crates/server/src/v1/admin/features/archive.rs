use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Archive, AtVersioned, Body, Caller, Changes, NoMembers, Params, scope::CatalogueWrite},
    problem::Result,
};

/// Archives a feature: no catalogue shows it any more.
#[utoipa::path(delete, path = "/v1/admin/features/{id}", tag = "operator", params(Archive), responses(
    (status = 200, body = api::Feature, description = "The feature, archived")))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Params(archive): Params<Archive>,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let archived = |cx| app.authority.archive_feature(cx, address, archive.force);
    caller.change(&app, &sent, StatusCode::OK, convert::feature, archived).await
}
