use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Body, Caller, NoMembers, scope::Admin},
    problem::Result,
    shape,
};

/// Ends an API token at once.
#[utoipa::path(delete, path = "/v1/admin/tokens/{id}", tag = "operator", responses(
    (status = 200, body = api::Token, description = "The token, archived")))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller<Admin>,
    At(address): At,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let archived = |cx| app.authority.archive_token(cx, address);
    caller.change(&app, &sent, StatusCode::OK, shape::token, archived).await
}
