//! The use of slots and counters, as far as this installation knows it.

use std::collections::BTreeMap;

use kaching_api::Quota;
use kaching_base::{Limit, QuotaState, Timestamp};

use super::Engine;
use crate::clock::Reading;

impl Engine {
    /// Returns the use of the license's slots and counters.
    pub(super) fn known_usage(&self, time: Timestamp) -> BTreeMap<String, u64> {
        let limits = self.lease.lease().into_iter().flat_map(|lease| &lease.limits);
        let counted = limits.filter(|(_, limit)| !matches!(limit, Limit::Level { .. }));
        counted.map(|(name, _)| (name.as_str().to_owned(), self.usage_of(name.as_str(), time))).collect()
    }

    /// Returns the use of slots or a counter: as the authority last answered it, and the usage that it has not
    /// acknowledged. After the end of a counter's period only usage since then counts.
    fn usage_of(&self, name: &str, time: Timestamp) -> u64 {
        let quota = self.lease.quotas().iter().find(|quota| quota.name.as_str() == name);
        let reset = quota.and_then(|quota| quota.resets_at).filter(|at| *at <= time);
        let answered = quota.filter(|_| reset.is_none()).map_or(0, |quota| quota.used);
        let entries = self.outbox.usage().iter().filter(|entry| entry.meter == name);
        let pending = entries.filter(|entry| reset.is_none_or(|at| entry.at >= at)).map(|entry| entry.amount);
        pending.fold(answered, u64::saturating_add)
    }

    /// Returns each limit with its use: levels as they are here, slots and counters as far as they are known.
    pub(crate) fn quotas(&self, now: Reading) -> Vec<Quota> {
        let time = self.now(now);
        let present = |quota: &Quota| {
            let name = quota.name.as_str();
            let used = match quota.kind.as_str() {
                "level" => self.levels().get(name).copied().unwrap_or(quota.used),
                _ => self.usage_of(name, time),
            };
            Quota { used, state: QuotaState::of(used, quota.max), ..quota.clone() }
        };
        self.lease.quotas().iter().map(present).collect()
    }
}
