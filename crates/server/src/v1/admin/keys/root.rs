use axum::{Json, extract::State};
use kaching_api as api;
use kaching_base::ErrorCode;

use crate::{
    App,
    extract::{Caller, scope::Admin},
    problem::{Rejected, Result},
};

/// Hands out the root's private half, sealed as it is kept, to a user of the authority's own machine. On record.
#[utoipa::path(post, path = "/v1/admin/keys/root", tag = "operator", responses(
    (status = 200, body = api::SealedRoot, description = "The root as it is kept")))]
pub(crate) async fn root(State(app): State<App>, caller: Caller<Admin>) -> Result<Json<api::SealedRoot>> {
    if !caller.is_local() {
        let detail = "the root key leaves only to a user of the authority's own machine: run this there";
        return Err(Rejected::new(ErrorCode::Forbidden, detail));
    }
    let (root, sealed) = app.authority.sealed_root(caller.cx()).await?;
    Ok(Json(api::SealedRoot { root: root.to_string(), sealed: api::SecretText::new(sealed) }))
}
