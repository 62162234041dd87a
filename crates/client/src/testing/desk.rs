use std::{sync::Arc, time::Duration};

use kaching_api::{HealthStatus, ReportKind};
use kaching_base::{ErrorCode, Limit};

use super::{
    MovedClock, Stage, code,
    stage::{Set, Standing},
};
use crate::{clock::after, shared::Shared};

/// The other side of a guard that a test has started: says how the license stands, and sees what the product told.
/// What it changes holds when the call returns.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
    stage: Stage,
    clock: Arc<MovedClock>,
}

impl Desk {
    pub(super) fn new(shared: Arc<Shared>, stage: Stage, clock: Arc<MovedClock>) -> Self {
        Self { shared, stage, clock }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Set) -> T) {
        let mut inner = self.shared.lock();
        let mut stage = self.stage.lock();
        let _ = change(&mut stage);
        stage.show(&self.shared, &mut inner);
    }

    /// Switches a feature on.
    pub fn grant(&self, feature: &str) {
        self.change(|set| set.features.insert(code(feature)));
    }

    /// Switches a feature off.
    pub fn withdraw(&self, feature: &str) {
        self.change(|set| set.features.remove(feature));
    }

    /// Changes the maximum of a level.
    pub fn limit(&self, level: &str, max: u64) {
        self.change(|set| set.limits.insert(code(level), Limit::Level { max: Some(max) }));
    }

    /// The authority refuses, as with a signed refusal of this code: `license_suspended`, `license_revoked` …
    pub fn refuse(&self, code: ErrorCode) {
        self.change(|set| set.standing = Standing::Refused(code));
    }

    /// The license is in order again, and the authority answers.
    pub fn reinstate(&self) {
        self.change(|set| set.standing = Standing::Granted);
    }

    /// The authority cannot be reached any more: the lease has ended, and the product may run on for so long. Let that
    /// pass with [`advance`](Self::advance).
    pub fn offline(&self, grace: Duration) {
        let mut inner = self.shared.lock();
        let until = after(inner.engine.now(self.shared.reading()), grace);
        let mut stage = self.stage.lock();
        stage.standing = Standing::Offline { until };
        stage.show(&self.shared, &mut inner);
    }

    /// The license has ended, and its grace, too.
    pub fn expire(&self) {
        self.change(|set| set.standing = Standing::Expired);
    }

    /// Lets time pass, for the guard alone.
    pub fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.change(|_| {});
    }

    /// How much of a counter was recorded, in all.
    pub fn used(&self, counter: &str) -> u64 {
        self.shared.take_counts();
        self.shared.lock().engine.used().get(counter).copied().unwrap_or(0)
    }

    /// The present amount of a level, if the product has told one.
    pub fn level(&self, level: &str) -> Option<u64> {
        self.shared.gates.levels().get(level).copied()
    }

    /// What was reported, in order.
    pub fn reports(&self) -> Vec<(ReportKind, String)> {
        let inner = self.shared.lock();
        inner.engine.reports().iter().map(|report| (report.kind, report.detail.clone())).collect()
    }

    /// How the product is, as it said last.
    pub fn health(&self) -> Option<(HealthStatus, Option<String>)> {
        let inner = self.shared.lock();
        inner.engine.health().map(|health| (health.status, health.detail.clone()))
    }

    /// The last key that was entered and worked.
    pub fn entered(&self) -> Option<String> {
        self.stage.lock().entered.as_ref().map(|key| key.expose().to_owned())
    }
}
