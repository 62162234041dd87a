use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Stops a license for good.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/revoke", tag = "operator", request_body = api::RevokeRequest, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::RevokeRequest>,
) -> Result<Response> {
    let done = |cx| app.authority.revoke_license(cx, address, value.confirm);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
