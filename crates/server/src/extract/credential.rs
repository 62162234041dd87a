use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use kaching_authority::license::Authorization;
use kaching_base::ErrorCode;

use crate::{
    App,
    problem::{Rejected, Result},
};

/// `Authorization: Kaching <activation id>.<generation>.<number>.<mac>`, read but not yet proven.
pub(crate) struct Credential(pub(crate) Authorization);

/// `Authorization: Bearer <lease>`, read but not yet proven.
pub(crate) struct Bearer(pub(crate) String);

/// The header's text, which has the dashes and spaces of a document where a person put a key into it; empty without one.
pub(crate) fn authorization(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION);
    value.and_then(|value| str::from_utf8(value.as_bytes()).ok()).unwrap_or("")
}

impl FromRequestParts<App> for Credential {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        Authorization::parse(authorization(&parts.headers)).map(Self).map_err(|_| {
            let detail =
                "this call carries Authorization: Kaching <activation id>.<generation>.<number>.<mac>";
            Rejected::new(ErrorCode::CredentialInvalid, detail).challenge("Kaching")
        })
    }
}

impl FromRequestParts<App> for Bearer {
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let lease = super::license_key::after_scheme(authorization(&parts.headers), "Bearer");
        lease.map(Self).ok_or_else(|| {
            let detail = "this call carries Authorization: Bearer <lease>";
            Rejected::new(ErrorCode::Unauthenticated, detail).challenge("Bearer")
        })
    }
}
