use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{At, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Frees the slot of an activation immediately.
#[utoipa::path(post, path = "/v1/admin/activations/{id}/release", tag = "operator", request_body = api::ReleaseRequest, responses(
    (status = 200, body = api::Activation, description = "The activation as it is now")))]
pub(crate) async fn release(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    At(address): At,
    Body { value, sent }: Body<api::ReleaseRequest>,
) -> Result<Response> {
    let id = convert::activation_id(&address)?;
    let personal = caller.sees_personal();
    let answer = move |released: &_| convert::activation_for(released, personal);
    let done = |cx| app.authority.release_activation(cx, id, value.reason);
    caller.run(&sent, StatusCode::OK, answer, done).await
}
