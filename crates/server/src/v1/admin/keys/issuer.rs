use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App,
    config::PublicUrl,
    convert,
    extract::{Body, Caller, Changes, scope::Admin},
    problem::{Rejected, Result},
};

/// Changes what statements name as their issuer, for all products and servers, and makes the keys that sign in its name.
#[utoipa::path(post, path = "/v1/admin/keys/issuer", tag = "operator", request_body = api::IssuerChange, responses(
    (status = 200, body = api::ChangedIssuer, description = "It was changed")))]
pub(crate) async fn issuer(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    Body { value, sent }: Body<api::IssuerChange>,
) -> Result<Response> {
    let issuer: PublicUrl = value
        .issuer
        .parse()
        .map_err(|error: crate::config::ConfigError| Rejected::invalid("/issuer", error.to_string()))?;
    let change = |cx| app.authority.change_issuer(cx, issuer.as_str().to_owned());
    caller.run(&sent, StatusCode::OK, convert::changed_issuer, change).await
}
