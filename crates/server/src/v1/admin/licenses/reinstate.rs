use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, NoMembers, scope::LicensesWrite},
    problem::Result,
};

/// Lets a suspended license run again.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/reinstate", tag = "operator", responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn reinstate(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let done = |cx| app.authority.reinstate_license(cx, address);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
