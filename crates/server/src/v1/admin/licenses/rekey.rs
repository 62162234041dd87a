use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::domain::Scope;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Makes a new key; the old one ends after a while. The answer has the key, so this needs the scope `licenses:key` as well.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/rekey", tag = "operator", request_body = api::RekeyRequest, responses(
    (status = 200, body = api::License, description = "The license with its new key")))]
pub(crate) async fn rekey(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::RekeyRequest>,
) -> Result<Response> {
    caller.needs(Scope::LicensesKey)?;
    let done = |cx| app.authority.rekey_license(cx, address, value.old_ends_in_s);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
