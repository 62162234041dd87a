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
    arrival::Arrival,
    convert,
    extract::{Body, HeaderKey, KeyCall, KeyOrCredential, Public, parse_key},
    limits::{KeyPurpose, Purpose},
    metrics::LimitKind,
    problem::{Rejected, Result},
};

/// Binds a license to an installation, or finds that it already is.
#[utoipa::path(post, path = "/v1/activate", tag = "product", request_body = ActivateRequest, responses(
    (status = 201, body = ActivateAnswer, description = "The installation is active"),
    (status = 200, body = ActivateAnswer, description = "It already was, and has a new credential")))]
pub(crate) async fn activate(
    State(app): State<App>,
    _: Public<KeyCall>,
    Extension(arrival): Extension<Arrival>,
    KeyOrCredential(mut header): KeyOrCredential,
    body: Body<ActivateRequest>,
) -> Result<Response> {
    let request = body.sent.request_hash(header.credential.as_ref());
    let authorization = header.credential.take();
    let mut input = read(header, body.value, request).map_err(|rejected| app.failed(&arrival, rejected))?;
    input.proof =
        authorization.map(|shown| app.prove(&arrival, shown, request, Purpose::Takeover)).transpose()?;
    let call = app.by_key(&arrival, &input.key, KeyPurpose::Other).await?;
    let new_installation = app.new_installation(&call).await?;
    input.admits_new = new_installation.may();
    let activated = app.authority.activate(product_cx(&arrival), input).await;
    let activated = convert::granted(
        activated.inspect_err(|error| app.metrics.limited_today(LimitKind::Activations, error)),
    );
    app.settle(&new_installation, activated.as_ref());
    let activated = activated.map_err(|rejected| {
        app.failed(&arrival, app.too_many_new_installations(&new_installation, rejected))
    })?;
    let status = if activated.created { StatusCode::CREATED } else { StatusCode::OK };
    let answer = ActivateAnswer {
        activation: convert::activation(&activated.activation),
        lease: activated.lease,
        credential: activated.credential.into(),
        quotas: activated.quotas.into_iter().map(convert::quota).collect(),
        keyset: activated.keyset,
        warnings: activated.warnings,
    };
    Ok((status, Json(answer)).into_response())
}

/// Returns the context of a call by a product.
pub(super) fn product_cx(arrival: &Arrival) -> Cx {
    Cx { request: Some(arrival.request), address: arrival.address, ..Cx::of(Actor::Client) }
}

pub(super) fn read_nonce(text: &str) -> Result<Nonce> {
    text.parse().map_err(|error| Rejected::parse("/nonce", &error))
}

/// Parses a fingerprint. Without a kind, the text is taken as it is stored.
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
        name: convert::short_text("/name", name)?,
        version: convert::short_text("/version", version)?,
        levels: levels.unwrap_or_default(),
        moves_from: takeover,
        proof: None,
        nonce: read_nonce(&nonce)?,
        request,
        admits_new: true,
    })
}
