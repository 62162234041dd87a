use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use kaching_api::SecretText;
use kaching_authority::license::{Authorization, KeyError, LicenseKey};
use kaching_base::{ErrorCode, Secret, pasted};

use super::authorization::{after_scheme, authorization};
use crate::{
    App,
    problem::{Rejected, Result},
    route::{Describe, Facts, Proof},
};

/// The `Authorization` that activate and validate may carry in addition to their body: `License <key>`, or a credential.
#[derive(Default)]
pub(crate) struct HeaderKey {
    pub(crate) key: Option<SecretText>,
    pub(crate) credential: Option<Authorization>,
}

/// As [`HeaderKey`], where a credential may come in place of the key: that of the activation that moves.
pub(crate) struct KeyOrCredential(pub(crate) HeaderKey);

/// The proof of a reading call: its lease, or the key.
pub(crate) enum Offered {
    Lease(String),
    Key(SecretText),
}

impl FromRequestParts<App> for HeaderKey {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self::default());
        }
        let text = authorization(&parts.headers);
        if let Some(key) = after_scheme(text, "License") {
            return Ok(Self { key: Some(SecretText::new(key)), credential: None });
        }
        let credential = Authorization::parse(text).map_err(|_| {
            let detail =
                "here Authorization is 'License <key>', or 'Kaching …' with the credential that moves";
            Rejected::new(ErrorCode::CredentialInvalid, detail).challenge("License")
        })?;
        Ok(Self { key: None, credential: Some(credential) })
    }
}

impl FromRequestParts<App> for KeyOrCredential {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        HeaderKey::from_request_parts(parts, app).await.map(Self)
    }
}

impl Describe for HeaderKey {
    fn describe(facts: &mut Facts) {
        facts.proofs = vec![Proof::Key];
        facts.proof_is_optional = true;
    }
}

impl Describe for KeyOrCredential {
    fn describe(facts: &mut Facts) {
        facts.proofs = vec![Proof::Key, Proof::Credential];
        facts.proof_is_optional = true;
    }
}

impl Describe for Offered {
    fn describe(facts: &mut Facts) {
        facts.proofs = vec![Proof::Lease, Proof::Key];
    }
}

impl FromRequestParts<App> for Offered {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let text = authorization(&parts.headers);
        if let Some(lease) = after_scheme(text, "Bearer") {
            return Ok(Self::Lease(lease));
        }
        after_scheme(text, "License").map(|key| Self::Key(SecretText::new(key))).ok_or_else(|| {
            let detail = "this call carries Authorization: Bearer <lease>, or Authorization: License <key>";
            Rejected::new(ErrorCode::Unauthenticated, detail).challenge("Bearer")
        })
    }
}

impl HeaderKey {
    /// The key of the body, or of the header; both must be the same.
    pub(crate) fn or(&self, body: Option<SecretText>) -> Result<SecretText> {
        match (body, &self.key) {
            (Some(body), Some(header)) if pasted_text(&body) != pasted_text(header) => {
                let detail = "the body and the Authorization header name different license keys; send one";
                Err(Rejected::invalid("/license_key", detail))
            }
            (Some(key), _) => Ok(key),
            (None, Some(key)) => Ok(key.clone()),
            (None, None) => Err(Rejected::invalid("/license_key", "the license key is missing")),
        }
    }
}

/// A key as people have it.
pub(crate) fn read_key(text: &SecretText) -> std::result::Result<LicenseKey, KeyError> {
    LicenseKey::parse(pasted_text(text).expose())
}

/// As [`read_key`], where a mistyped key is an error.
pub(crate) fn parse_key(text: &SecretText) -> Result<LicenseKey> {
    read_key(text).map_err(|error| Rejected::new(ErrorCode::KeyMalformed, error.to_string()))
}

/// Refuses a part of a URL that is written as a license key is, mistyped or not. `pointer` names the part.
pub(super) fn refuse_key(part: &str, pointer: impl Into<String>) -> Result<()> {
    if !LicenseKey::is_within(part) {
        return Ok(());
    }
    let detail = "a license key may not be in a URL, which servers and proxies log: send it in the body of \
                  POST /v1/admin/licenses/find, and name the license by its id here";
    Err(Rejected::invalid(pointer, detail))
}

fn pasted_text(text: &SecretText) -> Secret<String> {
    Secret::new(pasted(text.expose()))
}
