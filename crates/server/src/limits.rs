//! How often things may happen: by activation, license, token and address. Counted in memory, by each process for itself.
//!
//! Only what is proven takes from a bucket: a credential whose mac is good, a key that a license has, a token that is one.
//! So nobody who knows only a name can use up what is another's. What proves nothing counts against its address alone.

mod buckets;
mod failures;
mod headers;
mod licenses;
mod rate;

use kaching_base::{ActivationId, ErrorCode, Timestamp, TokenId};

use crate::{
    App,
    config::LimitSettings,
    edge,
    metrics::{Kind, Metrics},
    problem::{Rejected, Result},
};

pub(crate) use self::headers::Budget;
use self::{buckets::Buckets, failures::Failures, licenses::Licenses, rate::Rate};

/// All that is counted.
pub(crate) struct Limits {
    /// By activation and generation, so that a holder who was displaced takes nothing from the present one.
    activations: Limit<(ActivationId, u64)>,
    tokens: Limit<TokenId>,
    pub(crate) licenses: Licenses,
    pub(crate) failures: Failures,
}

/// Buckets of one kind that are all alike; without a rate they have no bottom.
struct Limit<K> {
    kind: Kind,
    rate: Option<Rate>,
    buckets: Buckets<K>,
}

/// Buckets of one kind that are remembered at most: about 20 MiB each where all of them are in use at once.
const MOST: usize = 400_000;

/// Generations are counted from 1, and no activation has so many.
const NO_GENERATION: u64 = u64::MAX;

impl Limits {
    pub(crate) fn new(settings: &LimitSettings) -> Self {
        let activations = Rate::per_second(settings.activation_per_second, settings.activation_burst.into());
        let tokens = Rate::per_second(settings.token_per_second, settings.token_burst.into());
        Self {
            activations: Limit::new(Kind::Activation, activations),
            tokens: Limit::new(Kind::Token, tokens),
            licenses: Licenses::new(settings),
            failures: Failures::new(settings.failures_per_minute),
        }
    }

    /// Forgets what is full again anyway.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.activations.buckets.sweep(now.micros());
        self.tokens.buckets.sweep(now.micros());
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
}

impl App {
    /// One call with a credential that was verified.
    pub(crate) fn pace_activation(&self, activation: ActivationId, generation: u64) -> Result<()> {
        match self.limits.activations.take((activation, generation), self.now()) {
            None => Ok(()),
            Some(Ok(budget)) => {
                // Whoever keeps to its pace never sees a header.
                if budget.is_scarce() {
                    edge::note(budget);
                }
                Ok(())
            }
            Some(Err(spent)) => {
                let detail = "this installation calls too often; wait as long as Retry-After says";
                Err(limited(&self.metrics, spent, detail))
            }
        }
    }

    /// One question with a lease that was verified; heartbeats have a bucket of their own.
    pub(crate) fn pace_lease(&self, activation: ActivationId) -> Result<()> {
        self.pace_activation(activation, NO_GENERATION)
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
