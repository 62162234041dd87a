use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditCustomer;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::CustomersWrite},
    problem::Result,
};

/// Changes a customer.
#[utoipa::path(patch, path = "/v1/admin/customers/{id}", tag = "operator", request_body = api::CustomerEdit, responses(
    (status = 200, body = api::Customer, description = "The customer as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<CustomersWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::CustomerEdit>,
) -> Result<Response> {
    let api::CustomerEdit { name, reference, email, company, tags, notes, metadata } = value;
    let tags = tags.map(convert::same);
    let metadata = metadata.unwrap_or_default();
    let edit = EditCustomer { name, reference, email, company, tags, notes, metadata };
    let personal = caller.sees_personal();
    let answer = move |edited: &_| convert::customer(edited, personal);
    let edited = |cx| app.authority.edit_customer(cx, address, edit);
    caller.change(&app, &sent, StatusCode::OK, answer, edited).await
}
