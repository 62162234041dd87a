use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Body, Caller, scope::LicensesWrite},
    problem::Result,
    shape,
};

/// Stops a license until it is reinstated.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/suspend", tag = "operator", request_body = api::SuspendRequest, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn suspend(
    State(app): State<App>,
    caller: Caller<LicensesWrite>,
    At(address): At,
    Body { value, sent }: Body<api::SuspendRequest>,
) -> Result<Response> {
    let done = |cx| app.authority.suspend_license(cx, address, value.reason);
    caller.change(&app, &sent, StatusCode::OK, shape::license, done).await
}
