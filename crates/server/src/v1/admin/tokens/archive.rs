use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, NoMembers, scope::Admin},
    problem::Result,
};

/// Archives an API token: it stops working immediately.
#[utoipa::path(delete, path = "/v1/admin/tokens/{id}", tag = "operator", responses(
    (status = 200, body = api::Token, description = "The token, archived")))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    AtVersioned(address): AtVersioned,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let archived = |cx| app.authority.archive_token(cx, address);
    caller.change(&app, &sent, StatusCode::OK, convert::token, archived).await
}
