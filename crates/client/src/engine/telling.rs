//! What the product tells: its health, its reports, and what the processes that follow have told in their own files.

use std::{collections::BTreeMap, time::Duration};

use kaching_api::{Health, ReportRequest};
use kaching_base::Secret;

use super::{Ask, Engine, Request, requests::json};
use crate::{
    clock::Reading,
    spool::{Found, Report},
};

/// So many reports wait at most; of more, the oldest are given up.
const REPORTS: usize = 100;

impl Engine {
    /// Takes how the product is; it goes with the next heartbeat, and soon where it changed.
    pub(crate) fn is(&mut self, health: Health, now: Reading) {
        if self.health.as_ref() != Some(&health) {
            self.health = Some(health);
            self.beat_soon(now);
        }
    }

    /// Takes a report, to be told until the authority has it.
    pub(crate) fn report(&mut self, report: Report) {
        if self.record.reports.len() >= REPORTS {
            let lost = self.record.reports.remove(0);
            tracing::warn!(kind = ?lost.kind, detail = lost.detail, "a report was given up: too many wait");
        }
        self.record.reports.push(report);
        self.dirty = true;
    }

    pub(super) fn report_due(&self) -> Option<Duration> {
        let tells =
            self.credential.is_some() && !self.pace.activation.wanted && !self.record.reports.is_empty();
        tells.then_some(self.pace.report)
    }

    pub(super) fn tell_report(&self, now: Reading) -> Option<Request> {
        let Report { kind, detail, at, nonce } = self.record.reports.first()?.clone();
        let body = json(&ReportRequest { kind, detail, at, nonce });
        // Number 0: only heartbeats count on.
        let (header, hash) = self.credential.as_ref()?.authorize(0, "POST", "/v1/reports", &body);
        Some(self.post(Ask::Report, "/v1/reports", body, Some(Secret::new(header)), hash, now))
    }

    /// The first report is told, or will never be taken.
    pub(super) fn report_done(&mut self) {
        if !self.record.reports.is_empty() {
            self.record.reports.remove(0);
            self.dirty = true;
        }
    }

    /// Takes over what followers have told since the last time. Gives the levels that they changed.
    pub(crate) fn absorb(&mut self, followers: &[Found], now: Reading) -> BTreeMap<String, u64> {
        let mut levels = BTreeMap::new();
        let mut used = Vec::new();
        for Found { name, told, .. } in followers {
            let absorbed = self.record.absorbed.entry(name.clone()).or_default();
            for (meter, total) in &told.usage {
                let known = absorbed.usage.entry(meter.clone()).or_default();
                let more = total.saturating_sub(*known);
                *known = (*known).max(*total);
                used.push((meter.clone(), more));
            }
            let changed =
                told.levels.iter().filter(|(level, amount)| absorbed.levels.get(*level) != Some(*amount));
            levels.extend(changed.map(|(level, amount)| (level.clone(), *amount)));
            absorbed.levels.clone_from(&told.levels);
            let reports = told.reports.get(absorbed.reports..).unwrap_or_default();
            absorbed.reports = told.reports.len().max(absorbed.reports);
            for report in reports {
                self.report(report.clone());
            }
        }
        used.retain(|(_, amount)| *amount > 0);
        self.dirty |= !levels.is_empty();
        self.use_up(used, now);
        levels
    }

    /// Whether all that a follower told stands on disk here, so that its file can go.
    pub(crate) fn has_absorbed(&self, follower: &Found) -> bool {
        let told = &follower.told;
        !self.dirty
            && self.record.absorbed.get(&follower.name).is_some_and(|absorbed| {
                absorbed.usage == told.usage && absorbed.reports >= told.reports.len()
            })
    }

    /// Forgets followers whose files are gone.
    pub(crate) fn forget_followers_but(&mut self, present: &[Found]) {
        let present = |name: &String| present.iter().any(|found| found.name == *name);
        let before = self.record.absorbed.len();
        self.record.absorbed.retain(|name, _| present(name));
        self.dirty |= self.record.absorbed.len() != before;
    }

    /// Takes what was used and not told, for a product that carries it to the holder by its own means.
    pub(crate) fn take_usage(&mut self) -> BTreeMap<String, u64> {
        self.dirty |= !self.record.usage.is_empty();
        let mut taken = BTreeMap::new();
        for entry in self.record.usage.drain(..) {
            let amount: &mut u64 = taken.entry(entry.meter).or_default();
            *amount = amount.saturating_add(entry.amount);
        }
        taken
    }
}
