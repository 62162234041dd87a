use std::collections::BTreeMap;

use kaching_api::{Contact, Holder, Quota, Upgrade};
use kaching_base::{ActivationId, Code, LicenseId, LicenseType, Limits, Timestamp};
use serde::Serialize;

use crate::{LicenseKey, State, clock::Reading, engine::Engine, grant::Grant};

/// A license as the guard knows it, for people to see. Checks such as [`Guard::require`](crate::Guard::require) decide
/// what may run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct License {
    /// The state, in one word and in a sentence.
    pub state: StateView,
    /// The grant of the last verified lease; `None` before the first.
    pub granted: Option<Granted>,
    /// Present levels.
    pub levels: BTreeMap<String, u64>,
    /// Each limit with its use: levels as they are here, slots and counters as the authority answered them last, with the
    /// usage that this installation has recorded since.
    pub quotas: Vec<Quota>,
    /// The last refusal, if no lease has come since.
    pub refusal: Option<RefusalView>,
    /// The vendor's reference of the customer, where the license key names it.
    pub customer: Option<String>,
    /// The next higher plan.
    pub upgrade: Option<Upgrade>,
    /// The vendor's contact.
    pub contact: Option<Contact>,
    /// The warnings, one sentence each.
    pub warnings: Vec<String>,
}

/// The state of a guard.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StateView {
    /// `active`, `offline`, `expiring`, `degraded`, `refused` or `unknown`.
    pub state: &'static str,
    /// The same in a sentence.
    pub detail: String,
}

/// The grant of a lease.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Granted {
    /// The license.
    pub license: LicenseId,
    /// This installation's activation.
    pub activation: ActivationId,
    /// The plan's code.
    pub plan: Code,
    /// The plan's name for people.
    pub plan_name: String,
    /// The type of the license.
    #[serde(rename = "type")]
    pub kind: LicenseType,
    /// The features that are on.
    pub features: Vec<Code>,
    /// The maxima.
    pub limits: Limits,
    /// The license's revision.
    pub revision: u64,
    /// The license's end; `None` if it is perpetual.
    pub expires_at: Option<Timestamp>,
    /// Whole days until then, zero once it is past.
    pub days_left: Option<i64>,
    /// The end of the present lease, which is renewed before.
    pub lease_ends_at: Timestamp,
    /// The last moment at which it may run without contact.
    pub runs_until: Timestamp,
}

/// A refusal, for people to see.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RefusalView {
    /// Why.
    pub code: String,
    /// The reason and what to do, in a sentence.
    pub detail: String,
    /// The installations that hold the slots, where that is the reason.
    pub holders: Vec<Holder>,
}

pub(crate) fn view(engine: &Engine, now: Reading) -> License {
    let (snapshot, time) = (engine.check_snapshot(now), engine.now(now));
    let state: State = engine.state(now);
    let grant = snapshot.grant.as_deref();
    let refusal = engine.refusal();
    License {
        state: StateView { state: state.as_str(), detail: state.to_string() },
        granted: grant.map(|grant| {
            let lease = grant.lease.clone();
            Granted {
                license: lease.sub,
                activation: lease.act,
                plan_name: grant.plan_name().to_owned(),
                plan: lease.plan,
                kind: lease.r#type,
                features: lease.features.into_iter().collect(),
                limits: lease.limits,
                revision: lease.rev,
                expires_at: lease.lic_exp,
                days_left: lease.lic_exp.map(|end| end.since(time).0.div_euclid(86_400).max(0)),
                lease_ends_at: lease.exp,
                runs_until: lease.run_until,
            }
        }),
        warnings: engine.warnings(now).iter().map(ToString::to_string).collect(),
        levels: engine.levels().clone(),
        quotas: engine.quotas(now),
        customer: engine.settings().license_key.as_ref().and_then(LicenseKey::customer),
        upgrade: grant.and_then(Grant::next_plan),
        contact: grant
            .and_then(Grant::contact)
            .or_else(|| refusal.and_then(|refusal| refusal.contact.clone())),
        refusal: refusal.map(|refusal| RefusalView {
            code: refusal.code.clone(),
            detail: refusal.detail.clone(),
            holders: refusal.holders.clone(),
        }),
    }
}
