use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::Renewal;
use kaching_base::EndDate;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Moves the end date, by a term, to a date, or by the term of the plan, and brings the terms that the plan has now.
#[utoipa::path(post, path = "/v1/admin/licenses/{id}/renew", tag = "operator", request_body = api::RenewRequest, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn renew(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::RenewRequest>,
) -> Result<Response> {
    let api::RenewRequest { term, days, expires_at, force } = value;
    let term = convert::term_of(term, days, "/days")?;
    let renew = Renewal { term, expires_at: expires_at.map(|EndDate(at)| at), force };
    let done = |cx| app.authority.renew_license(cx, address, renew);
    caller.change(&app, &sent, StatusCode::OK, convert::license, done).await
}
