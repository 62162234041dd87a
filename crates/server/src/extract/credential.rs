use axum::{extract::FromRequestParts, http::request::Parts};
use kaching_authority::license::Authorization;
use kaching_base::ErrorCode;

use super::authorization::{after_scheme, authorization};
use crate::{
    App,
    problem::{Rejected, Result},
    route::{Describe, Facts, Proof},
};

/// `Authorization: Kaching <activation id>.<generation>.<number>.<mac>`, read but not yet proven.
pub(crate) struct Credential(pub(crate) Authorization);

/// `Authorization: Bearer <lease>`, read but not yet proven.
pub(crate) struct Bearer(pub(crate) String);

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
        let lease = after_scheme(authorization(&parts.headers), "Bearer");
        lease.map(Self).ok_or_else(|| {
            let detail = "this call carries Authorization: Bearer <lease>";
            Rejected::new(ErrorCode::Unauthenticated, detail).challenge("Bearer")
        })
    }
}

impl Describe for Credential {
    fn describe(facts: &mut Facts) {
        facts.proofs = vec![Proof::Credential];
    }
}

impl Describe for Bearer {
    fn describe(facts: &mut Facts) {
        facts.proofs = vec![Proof::Lease];
    }
}
