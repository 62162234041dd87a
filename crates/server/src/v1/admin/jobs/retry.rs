use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{At, Body, Caller, Changes, NoMembers, scope::Admin},
    problem::Result,
};

/// Has a job that failed tried again immediately, a dead letter too.
#[utoipa::path(post, path = "/v1/admin/jobs/{id}/retry", tag = "operator", responses(
    (status = 200, body = api::Job, description = "The job, which is queued")))]
pub(crate) async fn retry(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    At(id): At,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    caller.run(&sent, StatusCode::OK, convert::job, |cx| app.authority.retry_job(cx, id)).await
}
