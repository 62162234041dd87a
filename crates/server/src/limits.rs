//! The limits on calls by activation, license, token and address. Each process counts in its own memory.
//!
//! Only calls with a proof take from a bucket: a credential with a good MAC, the key of a license, a valid token. A
//! caller who knows only a name cannot use up the allowance of another one. Nor can a caller who captured a call and
//! repeats it: a repeat takes from a bucket that delays nothing else. A call that proves nothing counts against its
//! address alone.

mod buckets;
mod calls;
mod changes;
mod failures;
mod headers;
mod heartbeats;
mod licenses;
mod rate;
mod recent;

use std::net::{IpAddr, Ipv6Addr};

use kaching_base::{ActivationId, ErrorCode, Timestamp, TokenId};

use self::{
    buckets::Buckets, changes::ChangeLimits, failures::Failures, heartbeats::Heartbeats, licenses::Licenses,
    rate::Rate,
};
pub(crate) use self::{
    failures::SecretHash,
    headers::{Budget, note, noting},
    licenses::KeyPurpose,
};
use crate::{
    config::LimitSettings,
    metrics::{LimitKind, Metrics},
    problem::{Rejected, Result},
};

/// Everything that is counted.
pub(crate) struct Limits {
    /// By activation and generation, so that a holder who was displaced takes nothing from the present one; and by
    /// purpose, so that a captured call of one kind, sent again and again, holds up no other kind.
    activations: RateLimit<(ActivationId, u64, Purpose)>,
    tokens: RateLimit<TokenId>,
    heartbeats: Heartbeats,
    changes: ChangeLimits,
    licenses: Licenses,
    pub(crate) failures: Failures,
}

/// The purpose of a call with a credential or a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    Heartbeat,
    Report,
    Deactivate,
    Takeover,
    /// Reading with a lease, which has no generation.
    Lease,
}

/// Buckets of one kind that are all alike; without a rate they have no bottom.
struct RateLimit<K> {
    kind: LimitKind,
    rate: Option<Rate>,
    buckets: Buckets<K>,
}

/// Buckets of one kind that are remembered at most: about 20 MiB each if all of them are in use.
const MOST: usize = 400_000;

impl Limits {
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        let activations = Rate::per_second(settings.activation_per_second, settings.activation_burst.into());
        let tokens = Rate::per_second(settings.token_per_second, settings.token_burst.into());
        Self {
            activations: RateLimit::new(LimitKind::Activation, activations),
            tokens: RateLimit::new(LimitKind::Token, tokens),
            heartbeats: Heartbeats::new(settings),
            changes: ChangeLimits::new(settings),
            licenses: Licenses::new(settings),
            failures: Failures::new(settings.failures_per_minute),
        }
    }

    /// Removes full buckets.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.activations.buckets.sweep(now.micros());
        self.tokens.buckets.sweep(now.micros());
        self.heartbeats.sweep(now);
        self.changes.sweep(now);
        self.failures.sweep(now);
    }
}

impl<K: std::hash::Hash + Eq> RateLimit<K> {
    fn new(kind: LimitKind, rate: Option<Rate>) -> Self {
        let window = rate.map_or(0, Rate::full_after);
        Self { kind, rate, buckets: Buckets::new(MOST, Some(window)) }
    }

    /// Takes one call. Returns the rest of the allowance, or the reason of a refusal.
    fn take(&self, key: K, now: Timestamp) -> Option<std::result::Result<Budget, Budget>> {
        let rate = self.rate?;
        let taken = self.buckets.take(key, rate, now.micros());
        let budget = |left| Budget::of(self.kind, rate, left);
        Some(taken.map(budget).map_err(budget))
    }

    /// Takes one, or answers 429 with this sentence.
    fn pace(&self, key: K, now: Timestamp, metrics: &Metrics, detail: &str) -> Result<()> {
        match self.take(key, now) {
            None => Ok(()),
            Some(Ok(budget)) => {
                // A caller within its limit sees no header.
                if budget.is_scarce() {
                    note(budget);
                }
                Ok(())
            }
            Some(Err(spent)) => Err(limited(metrics, spent, detail)),
        }
    }
}

/// Makes the answer 429. It is never signed, so that it cannot turn a license into a refused one.
pub(crate) fn limited(metrics: &Metrics, spent: Budget, detail: &str) -> Rejected {
    metrics.limited(spent.kind);
    note(spent);
    Rejected::new(ErrorCode::RateLimited, detail).retry_after(spent.reset_s.max(1))
}

/// Returns the part of an address that is limited: a household or a host usually has a whole /64 of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}
