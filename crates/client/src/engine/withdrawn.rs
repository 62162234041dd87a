//! The lease held, once the authority has withdrawn the key that signed it.

use kaching_base::Seconds;
use kaching_license::{Expected, Invalid, Moment};

use super::Engine;
use crate::clock::Reading;

/// As long as the longest lease: an authority that answers has renewed it by then, signed by another key.
const LONGEST_LEASE: Seconds = Seconds(1800);

impl Engine {
    /// Bounds the time of a lease whose key the newest keyset no longer lists, since it may be forged. The client asks for
    /// the next immediately, and runs on for no longer than one lease lasts, even if this one allows more without contact.
    /// It does not stop: a key that is withdrawn is no reason for an outage. After a restart such a lease does not verify.
    pub(super) fn bound_withdrawn(&mut self, now: Reading) {
        let (Some(keyset), Some(_), Some(jws)) = (self.keys.trusted(), self.lease.grant(), self.lease.jws())
        else {
            return;
        };
        let judged = keyset.verify_lease(jws, &Expected::default(), Moment::Inspect);
        if judged.err() != Some(Invalid::UnknownKey) {
            return;
        }
        tracing::warn!("the key that signed the lease was withdrawn; another lease is asked for");
        self.lease.run_no_longer_than(self.now(now) + LONGEST_LEASE);
        self.calls.heartbeat_by(now.boot);
    }
}
