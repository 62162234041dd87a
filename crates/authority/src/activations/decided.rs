use kaching_base::{ActivationId, ErrorCode, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Fingerprint, License, Refused, activations::activate, outlook};
use kaching_license::Digest;
use serde_json::json;

use super::{Answer, Refusal, sql};
use crate::{
    Authority, Op, Result,
    audit::Entry,
    plans,
    statements::{Around, after_commit},
};

/// What a transaction decided about a product's call; a no is committed like a yes.
pub(super) enum Decided<T> {
    Granted(T),
    Refused(Box<Denied>),
}

/// The answer no, with what its statement says.
pub(super) struct Denied {
    pub(super) around: Around,
    pub(super) act: Option<ActivationId>,
    pub(super) refused: Refused,
    pub(super) now: Timestamp,
}

impl Authority {
    /// Signs a refusal that was committed.
    pub(super) fn deny<T>(&self, denied: Denied, request: Digest) -> Result<Answer<T>> {
        let Denied { around, act, refused, now } = denied;
        let statement =
            self.sign_refusal(&around, act, &refused, Some(request), now).map_err(after_commit)?;
        self.metrics.refused(refused.code);
        Ok(Answer::Refused(Refusal { refused: Box::new(refused), statement }))
    }
}

/// Adds whom to ask, and the plan that would allow it.
pub(super) fn advise(tx: &mut Tx<'_>, around: &Around, refused: Refused) -> Result<Refused> {
    let mut refused = refused;
    if refused.code == ErrorCode::ActivationLimitReached {
        let slots = around.license.slots().unwrap_or(u64::MAX);
        let plans = plans::sql::of_product(tx, around.license.product)?;
        let more = |plan: &_| outlook::allows_more(plan, &kaching_base::Code::activations(), slots);
        refused.upgrade = outlook::upgrade(&plans, around.names.rank, None, more);
    }
    refused.contact = Some(around.names.contact.clone());
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
    let anew = match present {
        Some((_, last)) => last != Some(refused.code),
        None => {
            let fingerprint = hash(&request.fingerprint);
            sql::refused_anew(tx, license.id, fingerprint, refused.code, op.now)?
        }
    };
    if !anew {
        op.repeated(refused.code);
        return Ok(());
    }
    match present {
        Some((id, _)) => op.on("activation.activate", id),
        None => op.on("activation.activate", license.id),
    }
    let told = json!({ "fingerprint": request.fingerprint.as_str(), "name": request.name });
    op.audit_limited(tx, Entry::refused(refused.code).private(told).of_customer(license.customer))
}

/// Fingerprints may be long, and are looked up by their hash.
pub(super) fn hash(fingerprint: &Fingerprint) -> [u8; 32] {
    Digest::of(fingerprint.as_str()).0
}
