use axum::{Extension, Json, extract::State};
use kaching_api::{ValidateAnswer, ValidateRequest};
use kaching_authority::validate::Validate;

use super::activate::{read_fingerprint, read_nonce};
use crate::{
    App,
    arrival::Arrival,
    convert,
    extract::{Body, HeaderKey, KeyCall, Public, read_key},
    limits::KeyPurpose,
    problem::Result,
};

/// Whether a key would do; changes nothing.
#[utoipa::path(post, path = "/v1/validate", tag = "product", request_body = ValidateRequest, responses(
    (status = 200, body = ValidateAnswer, description = "Whether it would")))]
pub(crate) async fn validate(
    State(app): State<App>,
    _: Public<KeyCall>,
    Extension(arrival): Extension<Arrival>,
    header: HeaderKey,
    body: Body<ValidateRequest>,
) -> Result<Json<ValidateAnswer>> {
    let request = body.sent.request_hash(header.credential.as_ref());
    let ValidateRequest { license_key, product, fingerprint, kind, features, nonce } = body.value;
    let input = Validate {
        // A mistyped key is an answer of this call, not an error.
        key: read_key(&header.or(license_key)?).ok(),
        product,
        fingerprint: fingerprint.map(|text| read_fingerprint(kind, text)).transpose()?,
        kind,
        features: features.unwrap_or_default(),
        nonce: nonce.as_deref().map(read_nonce).transpose()?,
        request,
    };
    let _call = match &input.key {
        Some(key) => Some(app.by_key(&arrival, key, KeyPurpose::Validate).await?),
        None => {
            app.check_guesses(&arrival)?;
            None
        }
    };
    let validated = app.authority.validate(input).await?;
    app.count_guess(&arrival, validated.code.as_str())?;
    Ok(Json(ValidateAnswer {
        valid: validated.code.is_valid(),
        code: validated.code.as_str().to_owned(),
        detail: validated.detail,
        license: validated.license.map(convert::product_license),
        quotas: validated.quotas.into_iter().map(convert::quota).collect(),
        statement: validated.statement,
    }))
}
