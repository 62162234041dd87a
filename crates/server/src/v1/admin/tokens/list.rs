use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::TokenFilter;

use crate::{
    App,
    extract::{Caller, Params, list_query, scope::Admin},
    problem::Result,
    shape,
};

list_query! {
    /// Which tokens are listed.
    Query => TokenFilter {
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists API tokens.
#[utoipa::path(get, path = "/v1/admin/tokens", tag = "operator", params(Query), responses(
    (status = 200, body = api::List<api::Token>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Admin>,
    Params(query): Params<Query>,
) -> Result<Json<api::List<api::Token>>> {
    Ok(Json(shape::page(app.authority.tokens(caller.sight(), query.list()).await?, shape::token)))
}
