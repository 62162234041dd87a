use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::{At as When, Upgrade};

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Changes the plan, up or down, now or at the end of the period.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/upgrade", tag = "operator", request_body = api::UpgradeRequest, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn upgrade(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::UpgradeRequest>,
) -> Result<Response> {
    let api::UpgradeRequest { plan, at, force } = value;
    let at = match at {
        api::At::Now => When::Now,
        api::At::PeriodEnd => When::PeriodEnd,
    };
    let change = Upgrade { plan: plan.to_string(), at, force };
    let done = |cx| app.authority.upgrade_license(cx, address, change);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
