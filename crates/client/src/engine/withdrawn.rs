//! The lease held, once the authority has withdrawn the key that signed it.

use std::sync::Arc;

use kaching_base::Seconds;
use kaching_license::{Expected, Invalid, Moment};

use super::Engine;
use crate::{clock::Reading, grant::Grant};

/// As long as the longest lease: an authority that answers has renewed it by then, signed by another key.
const RUNS_ON: Seconds = Seconds(1800);

impl Engine {
    /// A lease whose key the newest keyset no longer lists may be a forged one. The client asks for the next immediately,
    /// and runs on for no longer than one lease lasts, whatever this one allows without contact. It does not stop: a key
    /// that is withdrawn is no reason for an outage. After a restart such a lease does not verify at all.
    pub(super) fn bound_withdrawn(&mut self, now: Reading) {
        let (Some(keyset), Some(grant), Some(jws)) = (&self.keyset, &self.grant, &self.record.lease) else {
            return;
        };
        let judged = keyset.verify_lease(jws, &Expected::default(), Moment::Inspect);
        if judged.err() != Some(Invalid::UnknownKey) {
            return;
        }
        tracing::warn!("the key that signed the lease was withdrawn; another lease is asked for");
        let mut lease = grant.lease.clone();
        let last = self.now(now) + RUNS_ON;
        (lease.exp, lease.run_until) = (lease.exp.min(last), lease.run_until.min(last));
        self.grant = Some(Arc::new(Grant { lease, catalogue: grant.catalogue.clone() }));
        self.pace.heartbeat = self.pace.heartbeat.min(now.boot);
    }
}
