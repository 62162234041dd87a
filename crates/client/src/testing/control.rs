use std::{sync::Arc, time::Duration};

use kaching_api::{HealthStatus, ReportKind};
use kaching_base::{ErrorCode, Limit};

use super::{
    clock::MovedClock,
    fake_state::{FakeAuthority, FakeState, FakeStatus, monthly, show},
};
use crate::{clock::after, shared::Shared};

/// Controls the license of a guard that a test has started, and shows what the product has recorded. Its changes are in
/// force when the call returns.
#[derive(Clone)]
pub struct TestControl {
    shared: Arc<Shared>,
    authority: FakeAuthority,
    clock: Arc<MovedClock>,
}

impl TestControl {
    pub(super) fn new(shared: Arc<Shared>, authority: FakeAuthority, clock: Arc<MovedClock>) -> Self {
        Self { shared, authority, clock }
    }

    fn change<T>(&self, change: impl FnOnce(&mut FakeState) -> T) {
        let mut inner = self.shared.lock();
        let mut fake = self.authority.lock();
        let _ = change(&mut fake);
        show(&fake, &self.shared, &mut inner);
    }

    /// Switches a feature on.
    pub fn grant(&self, feature: &str) {
        self.change(|fake| fake.add_feature(feature));
    }

    /// Switches a feature off.
    pub fn withdraw(&self, feature: &str) {
        self.change(|fake| fake.features.remove(feature));
    }

    /// Changes the maximum of a level.
    pub fn limit(&self, level: &str, max: u64) {
        self.change(|fake| fake.add_limit(level, Limit::Level { max: Some(max) }));
    }

    /// Changes the maximum of a counter of a month.
    pub fn counter(&self, counter: &str, max: u64) {
        self.change(|fake| fake.add_limit(counter, monthly(max)));
    }

    /// Makes the authority refuse, as with a signed refusal of this code: `license_suspended`, `license_revoked` …
    pub fn refuse(&self, code: ErrorCode) {
        self.change(|fake| fake.status = FakeStatus::Refused(code));
    }

    /// Makes the license valid again, and the authority answer.
    pub fn reinstate(&self) {
        self.change(|fake| fake.status = FakeStatus::Granted);
    }

    /// The authority cannot be reached any more: the lease has ended, and the product may run on for this time, which
    /// passes with [`advance`](Self::advance).
    pub fn offline(&self, grace: Duration) {
        let mut inner = self.shared.lock();
        let until = after(inner.engine.now(self.shared.reading()), grace);
        let mut fake = self.authority.lock();
        fake.status = FakeStatus::Offline { until };
        show(&fake, &self.shared, &mut inner);
    }

    /// Ends the license, and its grace, too.
    pub fn expire(&self) {
        self.change(|fake| fake.status = FakeStatus::Expired);
    }

    /// Lets time pass, for the guard alone.
    pub fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.change(|_| {});
    }

    /// Returns all usage of a counter that was recorded.
    pub fn used(&self, counter: &str) -> u64 {
        self.shared.take_counts();
        self.shared.lock().engine.used().get(counter).copied().unwrap_or(0)
    }

    /// Returns a level, if the product has set it.
    pub fn level(&self, level: &str) -> Option<u64> {
        self.shared.checks.counters().levels().get(level).copied()
    }

    /// Returns the reports, in order.
    pub fn reports(&self) -> Vec<(ReportKind, String)> {
        let inner = self.shared.lock();
        inner.engine.reports().iter().map(|report| (report.kind, report.detail.clone())).collect()
    }

    /// Returns the health that the product has set last.
    pub fn health(&self) -> Option<(HealthStatus, Option<String>)> {
        let inner = self.shared.lock();
        inner.engine.health().map(|health| (health.status, health.detail.clone()))
    }

    /// Returns the last key that was entered and worked.
    pub fn entered(&self) -> Option<String> {
        self.authority.lock().entered.as_ref().map(|key| key.expose().to_owned())
    }
}
