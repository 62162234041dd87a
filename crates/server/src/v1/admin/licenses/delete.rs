use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, NoMembers, scope::LicensesWrite},
    problem::Result,
};

/// Revokes a license and hides it; nothing is erased.
#[utoipa::path(delete, path = "/v1/admin/licenses/{id}", tag = "operator", responses(
    (status = 200, body = api::License, description = "The license, revoked and archived")))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let deleted = |cx| app.authority.delete_license(cx, address);
    caller.change(&app, &sent, StatusCode::OK, convert::license, deleted).await
}
