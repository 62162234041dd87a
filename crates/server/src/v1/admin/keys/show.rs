use axum::{Json, extract::State};
use kaching_api as api;
use kaching_base::ErrorCode;

use crate::{
    App, convert,
    extract::{At, Caller, scope::Read},
    problem::{Rejected, Result},
};

/// Shows a signing key by its `kid`.
#[utoipa::path(get, path = "/v1/admin/keys/{id}", tag = "operator", responses(
    (status = 200, body = api::Key, description = "The key")))]
pub(crate) async fn show(State(app): State<App>, _: Caller<Read>, At(kid): At) -> Result<Json<api::Key>> {
    let keys = convert::keys(&app.authority.keys().jwks, app.now());
    let found = keys.into_iter().find(|key| key.kid == kid);
    found.map(Json).ok_or_else(|| Rejected::new(ErrorCode::NotFound, "there is no signing key of this kid"))
}
