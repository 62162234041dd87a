use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, NoMembers, scope::Admin},
    problem::Result,
};

/// Accepts the clock of the authority's machine as the present time after it has jumped, or is behind a time that was stored.
#[utoipa::path(post, path = "/v1/admin/clock/accept", tag = "operator", responses(
    (status = 200, body = api::AcceptedClock, description = "The authority continues from the present time")))]
pub(crate) async fn accept(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    caller.run(&sent, StatusCode::OK, convert::accepted_clock, |cx| app.authority.accept_clock(cx)).await
}
