use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::TokenFilter;

use crate::{
    App, convert,
    extract::{Caller, Params, list_query, scope::Admin},
    problem::Result,
};

list_query! {
    /// Which tokens are listed.
    TokenQuery => TokenFilter {
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists API tokens.
#[utoipa::path(get, path = "/v1/admin/tokens", tag = "operator", params(TokenQuery), responses(
    (status = 200, body = api::List<api::Token>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Admin>,
    Params(query): Params<TokenQuery>,
) -> Result<Json<api::List<api::Token>>> {
    Ok(Json(convert::page(app.authority.tokens(caller.sight(), query.list()).await?, convert::token)))
}
