use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Gives a license to another customer.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/transfer", tag = "operator", request_body = api::TransferRequest, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn transfer(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::TransferRequest>,
) -> Result<Response> {
    let done = |cx| app.authority.transfer_license(cx, address, value.customer);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
