use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::NewCustomer;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::CustomersWrite},
    problem::Result,
};

/// Makes a customer.
#[utoipa::path(post, path = "/v1/admin/customers", tag = "operator", request_body = api::CustomerCreate, responses(
    (status = 201, body = api::Customer, description = "The new customer")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<CustomersWrite, Changes>,
    Body { value, sent }: Body<api::CustomerCreate>,
) -> Result<Response> {
    let api::CustomerCreate { name, reference, email, company, tags, notes, metadata } = value;
    let new = NewCustomer { reference, name, email, company, tags, notes, metadata };
    // All that is personal in the answer has just come from the caller.
    let answer = |made: &_| convert::customer(made, true);
    caller.change(&app, &sent, StatusCode::CREATED, answer, |cx| app.authority.create_customer(cx, new)).await
}
