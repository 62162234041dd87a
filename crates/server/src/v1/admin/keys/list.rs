use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Caller, scope::Read},
    problem::Result,
};

/// Lists the signing keys of the newest keyset.
#[utoipa::path(get, path = "/v1/admin/keys", tag = "operator", responses(
    (status = 200, body = api::List<api::Key>, description = "All of them")))]
pub(crate) async fn list(State(app): State<App>, _: Caller<Read>) -> Result<Json<api::List<api::Key>>> {
    Ok(Json(api::List { items: convert::keys(&app.authority.keys().jwks, app.now()), next: None }))
}
