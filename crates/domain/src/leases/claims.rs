use kaching_base::{Code, Timestamp};
use kaching_license::{Digest, Grace, Lease};

use super::{Stretch, Times};
use crate::{Activation, License, Terms};

/// The data that all statements of an authority share at a moment.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The public URL.
    pub iss: String,
    pub epoch: u64,
    /// The newest keyset's version.
    pub keyset: u64,
    /// The load of the authority.
    pub stretch: Stretch,
}

/// The claims of a lease of an activation; `terms` are those of the license. `jti` names this statement, `request` is
/// the request that it answers, `catalogue` the hash of the product's catalogue.
#[expect(clippy::too_many_arguments, reason = "a lease says this much, and each part comes from elsewhere")]
pub fn lease(
    issuer: &Issuer,
    product: &Code,
    plan: &Code,
    license: &License,
    terms: &Terms,
    activation: &Activation,
    times: Times,
    jti: String,
    request: Digest,
    catalogue: Digest,
) -> Lease {
    Lease {
        iss: issuer.iss.clone(),
        aud: product.clone(),
        iat: times.iat,
        nbf: kaching_license::not_before(times.iat),
        exp: times.exp,
        ks: issuer.keyset,
        jti,
        sub: license.id,
        act: activation.id,
        fpr: activation.fingerprint.hash(),
        hb: issuer.stretch.interval(unsigned(terms.policy.lease_s)),
        req: request,
        run_until: times.run_until,
        epoch: issuer.epoch,
        rev: unsigned(license.revision),
        plan: plan.clone(),
        r#type: license.license_type,
        features: terms.features.clone(),
        limits: terms.limits.clone(),
        lic_exp: license.expires_at.map(|at| Timestamp::from_seconds(at.seconds())),
        grace: Grace {
            offline_s: unsigned(terms.policy.offline_s),
            expiry_s: unsigned(license.expiry_grace().0),
            mode: terms.policy.mode,
            keep: terms.policy.keep.clone(),
        },
        cat: catalogue,
        log: None,
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
