use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditToken;
use kaching_base::EndDate;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::Admin},
    problem::Result,
};

/// Changes an API token. A caller cannot give it more rights, or a later end, than its own token has.
#[utoipa::path(patch, path = "/v1/admin/tokens/{id}", tag = "operator", request_body = api::TokenEdit, responses(
    (status = 200, body = api::Token, description = "The token as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::TokenEdit>,
) -> Result<Response> {
    let api::TokenEdit { name, scopes, expires_at } = value;
    let scopes = scopes.map(convert::scopes_edit).transpose()?;
    let expires_at = expires_at.map(|end| end.map(|EndDate(at)| at));
    let edit = EditToken { name, scopes, expires_at };
    let by = caller.rights().clone();
    let edited = |cx| app.authority.edit_token(cx, address, edit, &by);
    caller.change(&app, &sent, StatusCode::OK, convert::token, edited).await
}
