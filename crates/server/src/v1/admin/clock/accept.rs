use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{Body, Caller, NoMembers, scope::Admin},
    problem::Result,
    shape,
};

/// Takes the clock of the authority's machine for the present time, where it has jumped or stands before what was stored.
#[utoipa::path(post, path = "/v1/admin/clock/accept", tag = "operator", responses(
    (status = 200, body = api::AcceptedClock, description = "The authority goes on from the present time")))]
pub(crate) async fn accept(
    State(app): State<App>,
    caller: Caller<Admin>,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    caller.run(&sent, StatusCode::OK, shape::accepted_clock, |cx| app.authority.accept_clock(cx)).await
}
