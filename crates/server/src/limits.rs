//! How often things may happen: by activation, license, token and address. Counted in memory, by each process for itself.
//!
//! Only what is proven takes from a bucket: a credential whose mac is good, a key that a license has, a token that is one.
//! So nobody who knows only a name can use up what is another's. Nor can one who captured a call and sends it again: what
//! is not new takes from a bucket that holds up nothing else. What proves nothing counts against its address alone.

mod buckets;
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
    buckets::Buckets, changes::Changes, failures::Failures, heartbeats::Heartbeats, licenses::Licenses,
    rate::Rate,
};
pub(crate) use self::{failures::SecretHash, headers::Budget, licenses::KeyPurpose};
use crate::{
    App,
    config::LimitSettings,
    edge,
    metrics::{Kind, Metrics},
    problem::{Rejected, Result},
};

/// All that is counted.
pub(crate) struct Limits {
    /// By activation and generation, so that a holder who was displaced takes nothing from the present one; and by
    /// purpose, so that a captured call of one kind, sent again and again, holds up no other kind.
    activations: Limit<(ActivationId, u64, Purpose)>,
    tokens: Limit<TokenId>,
    heartbeats: Heartbeats,
    changes: Changes,
    licenses: Licenses,
    pub(crate) failures: Failures,
}

/// What a credential or a lease is used for.
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
struct Limit<K> {
    kind: Kind,
    rate: Option<Rate>,
    buckets: Buckets<K>,
}

/// Buckets of one kind that are remembered at most: about 20 MiB each where all of them are in use at once.
const MOST: usize = 400_000;

impl Limits {
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        let activations = Rate::per_second(settings.activation_per_second, settings.activation_burst.into());
        let tokens = Rate::per_second(settings.token_per_second, settings.token_burst.into());
        Self {
            activations: Limit::new(Kind::Activation, activations),
            tokens: Limit::new(Kind::Token, tokens),
            heartbeats: Heartbeats::new(settings),
            changes: Changes::new(settings),
            licenses: Licenses::new(settings),
            failures: Failures::new(settings.failures_per_minute),
        }
    }

    /// Forgets what is full again anyway.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.activations.buckets.sweep(now.micros());
        self.tokens.buckets.sweep(now.micros());
        self.heartbeats.sweep(now);
        self.changes.sweep(now);
        self.failures.sweep(now);
    }
}

impl<K: std::hash::Hash + Eq> Limit<K> {
    fn new(kind: Kind, rate: Option<Rate>) -> Self {
        let window = rate.map_or(0, Rate::full_after);
        Self { kind, rate, buckets: Buckets::new(MOST, Some(window)) }
    }

    /// Takes one; what is left, or why there is none.
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
                // Whoever keeps to its pace never sees a header.
                if budget.is_scarce() {
                    edge::note(budget);
                }
                Ok(())
            }
            Some(Err(spent)) => Err(limited(metrics, spent, detail)),
        }
    }
}

impl App {
    /// One call with a credential that was verified.
    pub(crate) fn pace_activation(
        &self,
        activation: ActivationId,
        generation: u64,
        purpose: Purpose,
    ) -> Result<()> {
        let detail = "this installation calls too often; wait as long as Retry-After says";
        let key = (activation, generation, purpose);
        self.limits.activations.pace(key, self.now(), &self.metrics, detail)
    }

    /// One question with a lease that was verified.
    pub(crate) fn pace_lease(&self, activation: ActivationId) -> Result<()> {
        self.pace_activation(activation, 0, Purpose::Lease)
    }

    /// One call with a token that was found.
    pub(crate) fn pace_token(&self, token: TokenId) -> Result<()> {
        match self.limits.tokens.take(token, self.now()) {
            None => Ok(()),
            Some(Ok(budget)) => {
                edge::note(budget);
                Ok(())
            }
            Some(Err(spent)) => {
                let detail = "this API token is used too often; wait as long as Retry-After says";
                Err(limited(&self.metrics, spent, detail))
            }
        }
    }
}

/// 429: never signed, so that it cannot turn a license into a refused one.
pub(crate) fn limited(metrics: &Metrics, spent: Budget, detail: &str) -> Rejected {
    metrics.limited(spent.kind);
    edge::note(spent);
    Rejected::new(ErrorCode::RateLimited, detail).retry_after(spent.reset_s.max(1))
}

/// What counts as one address: a household or a host usually has a whole /64 of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}
