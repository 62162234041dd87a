use axum::{Extension, extract::State, http::StatusCode};
use kaching_api::DeactivateRequest;
use kaching_authority::activations;

use super::activate::{product_cx, read_nonce};
use crate::{
    App,
    arrival::Arrival,
    extract::{Body, Credential, CredentialCall, Public},
    limits::Purpose,
    problem::Result,
};

/// Gives the slot back; also when that was done already.
#[utoipa::path(post, path = "/v1/deactivate", tag = "product", request_body = DeactivateRequest, responses(
    (status = 204, description = "The slot is free")))]
pub(crate) async fn deactivate(
    State(app): State<App>,
    public: Public<CredentialCall>,
    Extension(arrival): Extension<Arrival>,
    Credential(authorization): Credential,
    body: Body<DeactivateRequest>,
) -> Result<StatusCode> {
    let request = body.sent.request_hash(Some(&authorization));
    let proof = app.prove(&arrival, authorization, request, Purpose::Deactivate)?;
    let input = activations::Deactivate { proof, nonce: read_nonce(&body.value.nonce)? };
    let _turn = public.turn(&app).await?;
    let done = app.authority.deactivate(product_cx(&arrival), input).await;
    done?;
    Ok(StatusCode::NO_CONTENT)
}
