use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Stops a license until it is reinstated.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/suspend", tag = "operator", request_body = api::SuspendRequest, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn suspend(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::SuspendRequest>,
) -> Result<Response> {
    let done = |cx| app.authority.suspend_license(cx, address, value.reason);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
