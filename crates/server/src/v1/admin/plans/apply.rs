use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::{Apply, ApplyPlan};

use crate::{
    App, convert,
    extract::{AtCompared, Body, Caller, Changes, scope::LicensesWrite},
    problem::{Rejected, Result},
};

/// Gives the terms of a plan to licenses that have it.
#[utoipa::path(post, path = "/v1/admin/plans/{id}/apply", tag = "operator", request_body = api::ApplyRequest, responses(
    (status = 200, body = api::ApplyAnswer, description = "The number of licenses that take them over, and the changes for them")))]
pub(crate) async fn apply(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtCompared(address): AtCompared,
    Body { value, sent }: Body<api::ApplyRequest>,
) -> Result<Response> {
    let force = value.force;
    let to = match value.to {
        api::Apply::Word(word) if word == "all" => Apply::All,
        api::Apply::Word(word) if word == "renewing" => Apply::Renewing,
        api::Apply::Word(_) => {
            return Err(Rejected::invalid("/to", "to is 'all', 'renewing' or a list of license ids"));
        }
        api::Apply::Licenses(ids) => Apply::Licenses(ids),
    };
    let done = |cx| app.authority.apply_plan(cx, address, ApplyPlan { to, force });
    caller.run(&sent, StatusCode::OK, convert::applied, done).await
}
