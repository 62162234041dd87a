use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Body, Caller, scope::LicensesKey},
    problem::Result,
};

/// Shows the keys of several licenses, for an export. One audit entry names the caller and the licenses.
///
/// An id that no license has is left out of the answer.
#[utoipa::path(post, path = "/v1/admin/licenses/keys", tag = "operator", request_body = api::LicenseKeysRequest, responses(
    (status = 200, body = api::List<api::LicenseKeyAnswer>, description = "Their present keys, on one page")))]
pub(crate) async fn keys(
    State(app): State<App>,
    caller: Caller<LicensesKey>,
    Body { value, .. }: Body<api::LicenseKeysRequest>,
) -> Result<Json<api::List<api::LicenseKeyAnswer>>> {
    let revealed = app.authority.reveal_keys(caller.cx(), value.licenses).await?;
    Ok(Json(api::List { items: revealed.iter().map(convert::revealed_key).collect(), next: None }))
}
