use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_base::LeaseAlgorithm;

use crate::{
    App,
    extract::{Body, Caller, Changes, scope::Admin},
    problem::{Rejected, Result},
};

/// Makes a new signing key that takes over when it has been published for a minute; the old one verifies on to its end.
#[utoipa::path(post, path = "/v1/admin/keys", tag = "operator", request_body = api::KeyCreate, responses(
    (status = 201, body = api::KeyCreate, description = "It was made; the list of keys shows it")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<Admin, Changes>,
    Body { value, sent }: Body<api::KeyCreate>,
) -> Result<Response> {
    if value.purpose != api::KeyPurpose::Lease {
        return Err(Rejected::invalid("/purpose", "this authority rotates keys of purpose 'lease'"));
    }
    let algorithm = value.alg.unwrap_or(LeaseAlgorithm::EdDsa);
    let answer = move |(): &()| api::KeyCreate { purpose: api::KeyPurpose::Lease, alg: Some(algorithm) };
    caller.run(&sent, StatusCode::CREATED, answer, |cx| app.authority.rotate_signing_key(cx, algorithm)).await
}
