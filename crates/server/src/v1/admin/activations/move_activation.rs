use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::activations::MoveTo;

use crate::{
    App, convert,
    extract::{At, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Moves an activation to another installation; the old one runs on for the move grace.
#[utoipa::path(post, path = "/v1/admin/activations/{id}/move", tag = "operator", request_body = api::MoveRequest, responses(
    (status = 200, body = api::Activation, description = "The activation of the new installation")))]
pub(crate) async fn move_activation(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    At(address): At,
    Body { value, sent }: Body<api::MoveRequest>,
) -> Result<Response> {
    let id = convert::activation_id(&address)?;
    let api::MoveRequest { fingerprint, kind, name } = value;
    let to = MoveTo { fingerprint, kind, name: convert::short_text("/name", name)? };
    let personal = caller.sees_personal();
    let answer = move |moved: &_| convert::activation_for(moved, personal);
    let done = |cx| app.authority.move_activation(cx, id, to);
    caller.run(&sent, StatusCode::OK, answer, done).await
}
