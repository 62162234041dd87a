use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Body, Caller, parse_key, scope::Read, shown},
    problem::Result,
};

/// Shows the license that has this key.
#[utoipa::path(post, path = "/v1/admin/licenses/find", tag = "operator", request_body = api::FindRequest, responses(
    (status = 200, body = api::License, description = "The license",
        headers(("ETag" = String, description = "The version of the object, for If-Match")))))]
pub(crate) async fn find(
    State(app): State<App>,
    caller: Caller<Read>,
    Body { value, .. }: Body<api::FindRequest>,
) -> Result<Response> {
    let key = parse_key(&value.license_key)?;
    Ok(shown(&app, &app.authority.find_license(caller.sight(), key).await?, convert::license))
}
