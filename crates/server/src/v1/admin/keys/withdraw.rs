use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{At, Body, Caller, Changes, NoMembers, scope::Admin},
    problem::Result,
};

/// Withdraws a signing key that may be stolen: the keyset without it is signed in the same step. Where it was the
/// only one of its purpose and algorithm, another is made.
#[utoipa::path(post, path = "/v1/admin/keys/{id}/withdraw", tag = "operator", responses(
    (status = 200, body = api::WithdrawnKey, description = "It is withdrawn; the list of keys shows those that count")))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    At(kid): At,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let withdrawn = |cx| app.authority.withdraw_signing_key(cx, kid);
    caller.run(&sent, StatusCode::OK, convert::withdrawn_key, withdrawn).await
}
