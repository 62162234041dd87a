use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{Archive, AtVersioned, Body, Caller, Changes, NoMembers, Params, scope::CustomersWrite},
    problem::Result,
};

/// Hides a customer: no new license is made for it.
#[utoipa::path(delete, path = "/v1/admin/customers/{id}", tag = "operator", params(Archive), responses(
    (status = 200, body = api::Customer, description = "The customer, archived")))]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller<CustomersWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Params(archive): Params<Archive>,
    Body { sent, .. }: Body<NoMembers>,
) -> Result<Response> {
    let personal = caller.sees_personal();
    let answer = move |archived: &_| convert::customer(archived, personal);
    let archived = |cx| app.authority.archive_customer(cx, address, archive.force);
    caller.change(&app, &sent, StatusCode::OK, answer, archived).await
}
