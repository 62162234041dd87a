use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::NewToken;
use kaching_base::EndDate;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::Admin},
    problem::Result,
};

/// Makes an API token, which has no more rights and no later end than that of the caller; its secret is in this answer and
/// never again.
#[utoipa::path(post, path = "/v1/admin/tokens", tag = "operator", request_body = api::TokenCreate, responses(
    (status = 201, body = api::Token, description = "The new token")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    Body { value, sent }: Body<api::TokenCreate>,
) -> Result<Response> {
    let api::TokenCreate { name, scopes, expires_at } = value;
    let new =
        NewToken { name, scopes: convert::scopes_of(&scopes)?, expires_at: expires_at.map(|EndDate(at)| at) };
    let by = caller.rights().clone();
    let made = |cx| app.authority.create_token(cx, new, &by);
    caller.change(&app, &sent, StatusCode::CREATED, convert::created_token, made).await
}
