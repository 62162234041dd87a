use kaching_base::{ActivationId, ErrorCode, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Fingerprint, License, Refused, activations::activate, outlook};
use kaching_license::Digest;
use serde_json::json;

use super::{Answer, Refusal, sql};
use crate::{Authority, Op, Result, audit::Entry, entitlement::Entitlement, plans, statements::after_commit};

/// The decision of a transaction about a product's call. A refusal is committed as well.
pub(super) enum Decided<T> {
    Granted(T),
    Refused(Box<Denied>),
}

/// A refusal, with everything that its statement says.
pub(super) struct Denied {
    pub(super) entitlement: Entitlement,
    pub(super) act: Option<ActivationId>,
    pub(super) refused: Refused,
    pub(super) now: Timestamp,
}

impl Authority {
    /// Signs a refusal that was committed.
    pub(super) fn deny<T>(&self, denied: Denied, request: Digest) -> Result<Answer<T>> {
        let Denied { entitlement, act, refused, now } = denied;
        let statement =
            self.sign_refusal(&entitlement, act, &refused, Some(request), now).map_err(after_commit)?;
        self.metrics.refused(refused.code);
        Ok(Answer::Refused(Refusal { refused: Box::new(refused), statement }))
    }
}

/// Adds the contact, and the plan that would allow it.
pub(super) fn advise(tx: &mut Tx<'_>, entitlement: &Entitlement, refused: Refused) -> Result<Refused> {
    let mut refused = refused;
    if refused.code == ErrorCode::ActivationLimitReached {
        let slots = entitlement.license.slots().unwrap_or(u64::MAX);
        let plans = plans::sql::of_product(tx, entitlement.license.product)?;
        let more = |plan: &_| outlook::allows_more(plan, &kaching_base::Code::activations(), slots);
        refused.upgrade = outlook::upgrade(&plans, entitlement.names.rank, None, more);
    }
    refused.contact = Some(entitlement.names.contact.clone());
    Ok(refused)
}

/// Writes an entry for a refused activation unless the last answer was the same.
pub(super) fn audit_refusal(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    request: &activate::ActivateRequest,
    present: Option<(ActivationId, Option<ErrorCode>)>,
    refused: &Refused,
) -> Result<()> {
    let is_new = match present {
        Some((_, last)) => last != Some(refused.code),
        None => {
            let fingerprint = hash(&request.fingerprint);
            sql::record_refusal(tx, license.id, fingerprint, refused.code, op.now)?
        }
    };
    if !is_new {
        op.repeated(refused.code);
        return Ok(());
    }
    match present {
        Some((id, _)) => op.on("activation.activate", id),
        None => op.on("activation.activate", license.id),
    }
    let private = json!({ "fingerprint": request.fingerprint.as_str(), "name": request.name });
    op.audit_limited(tx, Entry::refused(refused.code).private(private).of_customer(license.customer))
}

/// Returns the hash that looks a fingerprint up, because a fingerprint may be long.
pub(super) fn hash(fingerprint: &Fingerprint) -> [u8; 32] {
    Digest::of(fingerprint.as_str()).0
}
