use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kaching_api::{ActivateAnswer, ActivateRequest};
use kaching_authority::{
    Actor, Cx, activations,
    domain::{Fingerprint, Nonce},
    license::Digest,
};
use kaching_base::FingerprintKind;

use crate::{
    App,
    edge::Arrival,
    extract::{Body, HeaderKey, Public, parse_key},
    limits::{KeyPurpose, Purpose},
    metrics::Kind,
    problem::{Rejected, Result},
    shape,
};

/// Binds a license to an installation, or finds that it already is.
#[utoipa::path(post, path = "/v1/activate", tag = "product", request_body = ActivateRequest, responses(
    (status = 201, body = ActivateAnswer, description = "The installation is active"),
    (status = 200, body = ActivateAnswer, description = "It already was, and has a new credential")))]
pub(crate) async fn activate(
    State(app): State<App>,
    _: Public,
    Extension(arrival): Extension<Arrival>,
    mut header: HeaderKey,
    body: Body<ActivateRequest>,
) -> Result<Response> {
    let request = body.sent.request_hash(header.credential.as_ref());
    let authorization = header.credential.take();
    let mut input = read(header, body.value, request).map_err(|rejected| app.failed(&arrival, rejected))?;
    input.proof =
        authorization.map(|shown| app.prove(&arrival, shown, request, Purpose::Takeover)).transpose()?;
    let call = app.by_key(&arrival, &input.key, KeyPurpose::Other).await?;
    let newcomer = app.newcomer(&call).await?;
    input.admits_new = newcomer.may();
    let activated = app.authority.activate(product_cx(&arrival), input).await;
    let activated =
        shape::granted(activated.inspect_err(|error| app.metrics.limited_today(Kind::Activations, error)));
    app.settle(&newcomer, activated.as_ref());
    let activated =
        activated.map_err(|rejected| app.failed(&arrival, app.too_many_newcomers(&newcomer, rejected)))?;
    let status = if activated.created { StatusCode::CREATED } else { StatusCode::OK };
    let answer = ActivateAnswer {
        activation: shape::activation(&activated.activation),
        lease: activated.lease,
        credential: activated.credential.into(),
        quotas: activated.quotas.into_iter().map(shape::quota).collect(),
        keyset: activated.keyset,
        warnings: activated.warnings,
    };
    Ok((status, Json(answer)).into_response())
}

/// What a product calls, in the name of nobody else.
pub(super) fn product_cx(arrival: &Arrival) -> Cx {
    Cx { request: Some(arrival.request), address: arrival.address, ..Cx::of(Actor::Client) }
}

pub(super) fn read_nonce(text: &str) -> Result<Nonce> {
    text.parse().map_err(|error| Rejected::parse("/nonce", &error))
}

/// The fingerprint of a text; a domain whose kind is not told is read as it is.
pub(super) fn read_fingerprint(kind: Option<FingerprintKind>, text: String) -> Result<Fingerprint> {
    let fingerprint = match kind {
        Some(kind) => Fingerprint::new(kind, text),
        None => Fingerprint::stored(text),
    };
    fingerprint.map_err(|error| Rejected::parse("/fingerprint", &error))
}

fn read(header: HeaderKey, body: ActivateRequest, request: Digest) -> Result<activations::Activate> {
    let ActivateRequest { license_key, product, fingerprint, kind, name, version, levels, takeover, nonce } =
        body;
    let key = parse_key(&header.or(license_key)?)?;
    Ok(activations::Activate {
        key,
        product,
        fingerprint: read_fingerprint(Some(kind), fingerprint)?,
        kind,
        name: shape::short_text("/name", name)?,
        version: shape::short_text("/version", version)?,
        levels: levels.unwrap_or_default(),
        takeover,
        proof: None,
        nonce: read_nonce(&nonce)?,
        request,
        admits_new: true,
    })
}
