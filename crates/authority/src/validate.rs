//! Validates license keys, without changing anything.

use std::sync::Arc;

use kaching_base::{Code, ErrorCode, FingerprintKind, LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Activation, Fingerprint, Nonce, Quota, Refused, State, activations as rules, quotas};
use kaching_license::{Digest, LicenseKey, ValidationCode};

use crate::{
    Authority, Result,
    activations::sql,
    entitlement::{self, Entitlement, EntitlementCache},
    keys::KeyRing,
    licenses,
    status::{ProductLicense, no_license},
};

/// `POST /v1/validate`.
#[derive(Clone)]
pub struct Validate {
    /// `None` where the text is no license key.
    pub key: Option<LicenseKey>,
    pub product: Option<Code>,
    pub fingerprint: Option<Fingerprint>,
    pub kind: Option<FingerprintKind>,
    pub features: Vec<Code>,
    /// With one the answer is signed.
    pub nonce: Option<Nonce>,
    pub request: Digest,
}

/// The answer to a validation.
pub struct Validated {
    pub code: ValidityCode,
    /// One sentence for people.
    pub detail: String,
    pub license: Option<ProductLicense>,
    pub quotas: Vec<Quota>,
    /// `validation+jwt`, when a nonce came.
    pub statement: Option<String>,
}

/// The first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidityCode {
    Valid,
    ValidInGrace,
    Refused(ErrorCode),
}

impl ValidityCode {
    /// `valid`, `valid_in_grace` or the refusal's code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::ValidInGrace => "valid_in_grace",
            Self::Refused(code) => code.as_str(),
        }
    }

    /// Whether the answer is yes.
    pub fn is_valid(self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// A validated license, with the quotas in use.
struct ValidatedLicense {
    entitlement: Arc<Entitlement>,
    quotas: Vec<Quota>,
    refused: Option<Refused>,
}

impl Authority {
    /// Validates a key. A refusal is an answer as well.
    ///
    /// # Errors
    /// If the database cannot be read, or the answer not be signed.
    pub async fn validate(&self, ask: Validate) -> Result<Validated> {
        let keys = self.keys();
        let (asked, entitlements) = (ask.clone(), Arc::clone(&self.entitlements));
        let query = move |tx: &mut Tx<'_>, now| Ok((read(tx, &keys, &entitlements, &asked, now)?, now));
        let (found, now) = self.read("licenses.validate", query).await?;
        let (code, detail) = match &found {
            Err(refused) => (ValidityCode::Refused(refused.code), refused.detail.clone()),
            Ok(ValidatedLicense { refused: Some(refused), .. }) => {
                (ValidityCode::Refused(refused.code), refused.detail.clone())
            }
            Ok(ValidatedLicense { entitlement, .. }) if entitlement.license.state(now) == State::InGrace => (
                ValidityCode::ValidInGrace,
                "The license has ended and runs on for its grace: renew it.".to_owned(),
            ),
            Ok(_) => (ValidityCode::Valid, "The license is valid.".to_owned()),
        };
        if let ValidityCode::Refused(code) = code {
            self.metrics.refused(code);
        }
        let signed = match code {
            ValidityCode::Valid => Ok(ValidationCode::Valid),
            ValidityCode::ValidInGrace => Ok(ValidationCode::ValidInGrace),
            ValidityCode::Refused(code) => Err(code),
        };
        let entitlement = found.as_ref().ok().map(|found| &*found.entitlement);
        let statement = match ask.nonce {
            Some(_) => Some(self.sign_validation(entitlement, signed, ask.request, now)?),
            None => None,
        };
        let (license, quotas) = match found {
            Ok(ValidatedLicense { entitlement, quotas, .. }) => {
                (Some(ProductLicense::new(&entitlement, now)), quotas)
            }
            Err(_) => (None, Vec::new()),
        };
        Ok(Validated { code, detail, license, quotas, statement })
    }
}

/// Returns the license of the key, or the refusal where no license has it.
fn read(
    tx: &mut Tx<'_>,
    keys: &KeyRing,
    entitlements: &EntitlementCache,
    ask: &Validate,
    now: Timestamp,
) -> Result<Result<ValidatedLicense, Refused>> {
    let Some(key) = &ask.key else {
        let error = kaching_license::KeyError;
        return Ok(Err(Refused::new(ErrorCode::KeyMalformed, error.to_string())));
    };
    let unknown = || Ok(Err(Refused::new(ErrorCode::LicenseNotFound, no_license().to_string())));
    let Some((version, catalogue)) = entitlement::sql::versions_by_key(tx, &keys.lookup(key), now)? else {
        return unknown();
    };
    let Some(entitlement) = entitlements.get(tx, version, catalogue)? else { return unknown() };
    let entitlement = match licenses::due(tx, &entitlement.license, now)? {
        Some(license) => Arc::new(Entitlement::of(tx, license)?),
        None => entitlement,
    };
    let license = &entitlement.license;
    let active = match &ask.fingerprint {
        Some(fingerprint) => find(tx, license.id, fingerprint, ask.kind)?.filter(|one| one.holds_slot(now)),
        None => None,
    };
    let limits = active.is_none().then_some(&entitlement.terms.limits);
    let present = sql::in_use(tx, license, version.active, limits, now)?;
    let kind = ask.kind.or_else(|| active.as_ref().map(|one| one.kind));
    let refused = reason(ask, &entitlement, kind, active.is_some(), now);
    let levels = active.map_or(present.levels, |one| one.levels);
    let quotas = quotas(&entitlement.terms, present.active, &levels);
    Ok(Ok(ValidatedLicense { entitlement, quotas, refused }))
}

/// Returns the activation of a fingerprint. Where its kind is not known, it may be a domain in another spelling.
fn find(
    tx: &mut Tx<'_>,
    license: LicenseId,
    fingerprint: &Fingerprint,
    kind: Option<FingerprintKind>,
) -> Result<Option<Activation>> {
    let found = sql::by_fingerprint(tx, license, fingerprint)?;
    match fingerprint.as_domain() {
        Some(domain) if found.is_none() && kind.is_none() => {
            let found = sql::by_fingerprint(tx, license, &domain)?;
            Ok(found.filter(|found| found.kind == FingerprintKind::Domain))
        }
        _ => Ok(found),
    }
}

fn reason(
    ask: &Validate,
    entitlement: &Entitlement,
    kind: Option<FingerprintKind>,
    active: bool,
    now: Timestamp,
) -> Option<Refused> {
    let (license, product) = (&entitlement.license, &entitlement.names.product);
    let installation = kind.zip(ask.fingerprint.as_ref());
    if let Err(refused) = rules::admit(license, product, ask.product.as_ref(), installation, now) {
        return Some(refused);
    }
    if let Some(Err(refused)) = ask.kind.map(|kind| rules::accepts_kind(license, kind)) {
        return Some(refused);
    }
    if let Some(fingerprint) = ask.fingerprint.as_ref().filter(|_| kind.is_none())
        && let Some(refused) = rules::bound_elsewhere(license, fingerprint)
    {
        return Some(refused);
    }
    if ask.fingerprint.is_some() && !active {
        let detail = "The license is not active on this installation: activate it there.";
        return Some(Refused::new(ErrorCode::ActivationNotFound, detail));
    }
    let features = &entitlement.terms.features;
    let missing = ask.features.iter().find(|feature| !features.contains(*feature))?;
    let detail =
        format!("The license does not have the feature {missing}: ask your vendor for a plan that has it.");
    Some(Refused::new(ErrorCode::FeatureNotLicensed, detail))
}
