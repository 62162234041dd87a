//! Levels, usage, health and reports on their way to the authority, with those that followers have written to their own
//! files.

use std::{collections::BTreeMap, time::Duration};

use kaching_api::{Health, Usage};
use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::Stored;
use crate::journal::{FollowerEntry, Report};

/// The most entries of usage in one heartbeat; the rest goes with the next one.
const USAGE_PER_HEARTBEAT: usize = 64;

/// The most reports that wait. If there are more, the oldest are dropped.
const LONGEST_QUEUE: usize = 100;

/// The outbox as it is written to disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct OutboxRecord {
    levels: BTreeMap<String, u64>,
    usage: Vec<Usage>,
    /// The last number given to an entry of `usage`.
    usage_seq: u64,
    /// Entries up to this number were sent at least once, and change no more.
    usage_sent: u64,
    /// Reports that the authority has not accepted yet.
    #[serde(default)]
    reports: Vec<Report>,
    /// How much of each follower's file is in this record, by the name of the file.
    #[serde(default)]
    absorbed: BTreeMap<String, Absorbed>,
}

/// How much of a follower's file is in the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Absorbed {
    usage: BTreeMap<String, u64>,
    levels: BTreeMap<String, u64>,
    reports: usize,
}

/// Levels, usage, health and reports on their way to the authority.
pub(super) struct Outbox {
    stored: Stored<OutboxRecord>,
    health: Option<Health>,
    /// When the next report is due, on the boot clock.
    report_due: Duration,
}

impl Outbox {
    pub(super) fn new(now: Duration) -> Self {
        Self { stored: Stored::default(), health: None, report_due: now }
    }

    pub(super) fn load(&mut self, record: OutboxRecord) {
        self.stored = Stored::new(record);
    }

    pub(super) fn stored(&self) -> &Stored<OutboxRecord> {
        &self.stored
    }

    pub(super) fn written(&mut self) {
        self.stored.written();
    }

    pub(super) fn levels(&self) -> &BTreeMap<String, u64> {
        &self.stored.levels
    }

    /// Sets the levels, and returns whether they changed.
    pub(super) fn set_levels(&mut self, levels: BTreeMap<String, u64>) -> bool {
        let changed = levels != self.stored.levels;
        if changed {
            self.stored.edit().levels = levels;
        }
        changed
    }

    /// Adds usage to the entries that were not sent yet.
    pub(super) fn add_usage(&mut self, used: Vec<(String, u64)>, at: Timestamp) {
        for (meter, amount) in used {
            let record = self.stored.edit();
            let unsent = |entry: &&mut Usage| entry.seq > record.usage_sent && entry.meter == meter;
            if let Some(entry) = record.usage.iter_mut().find(unsent) {
                entry.amount = entry.amount.saturating_add(amount);
                continue;
            }
            // A client that has lost its state returns to its activation: its numbers go on above those from before.
            record.usage_seq = match record.usage_seq {
                0 => u64::try_from(at.micros() / 1000).unwrap_or_default() + 1,
                last => last + 1,
            };
            record.usage.push(Usage { meter, amount, seq: record.usage_seq, at });
        }
    }

    /// The usage that the authority has not acknowledged.
    pub(super) fn usage(&self) -> &[Usage] {
        &self.stored.usage
    }

    /// Returns the usage that goes with the next heartbeat. It counts as sent from now on.
    pub(super) fn send_usage(&mut self) -> Vec<Usage> {
        let usage: Vec<_> = self.stored.usage.iter().take(USAGE_PER_HEARTBEAT).cloned().collect();
        let through = usage.last().map_or(0, |entry| entry.seq);
        if through > self.stored.usage_sent {
            self.stored.edit().usage_sent = through;
        }
        usage
    }

    /// Drops the entries up to this number, which the authority has acknowledged. Returns whether there was more usage
    /// than one heartbeat takes.
    pub(super) fn usage_acknowledged(&mut self, through: u64) -> bool {
        let owed = self.stored.usage.len();
        self.stored.edit().usage.retain(|entry| entry.seq > through);
        owed > USAGE_PER_HEARTBEAT
    }

    /// Takes all usage, for a product that carries it to the holder by its own means.
    pub(super) fn take_usage(&mut self) -> BTreeMap<String, u64> {
        let mut taken = BTreeMap::new();
        if self.stored.usage.is_empty() {
            return taken;
        }
        for entry in self.stored.edit().usage.drain(..) {
            let amount: &mut u64 = taken.entry(entry.meter).or_default();
            *amount = amount.saturating_add(entry.amount);
        }
        taken
    }

    pub(super) fn health(&self) -> Option<&Health> {
        self.health.as_ref()
    }

    /// Sets the health, and returns whether it changed.
    pub(super) fn set_health(&mut self, health: Option<Health>) -> bool {
        let changed = self.health != health;
        self.health = health;
        changed
    }

    /// Queues a report until the authority has accepted it.
    pub(super) fn add_report(&mut self, report: Report) {
        let reports = &mut self.stored.edit().reports;
        if reports.len() >= LONGEST_QUEUE {
            let lost = reports.remove(0);
            tracing::warn!(kind = ?lost.kind, detail = lost.detail, "a report was dropped: too many wait");
        }
        reports.push(report);
    }

    pub(super) fn reports(&self) -> &[Report] {
        &self.stored.reports
    }

    pub(super) fn report_due(&self) -> Option<Duration> {
        (!self.stored.reports.is_empty()).then_some(self.report_due)
    }

    pub(super) fn report_at(&mut self, at: Duration) {
        self.report_due = at;
    }

    /// Drops the first report: it was accepted, or never will be.
    pub(super) fn report_done(&mut self) {
        if !self.stored.reports.is_empty() {
            self.stored.edit().reports.remove(0);
        }
    }

    /// Takes over what followers have written since the last time, and returns the levels that they changed.
    pub(super) fn absorb(&mut self, followers: &[FollowerEntry], at: Timestamp) -> BTreeMap<String, u64> {
        let mut levels = BTreeMap::new();
        let mut used = Vec::new();
        for FollowerEntry { name, report: written, .. } in followers {
            let known = self.stored.absorbed.get(name).cloned().unwrap_or_default();
            let mut absorbed = known.clone();
            for (meter, total) in &written.usage {
                let before = absorbed.usage.entry(meter.clone()).or_default();
                let more = total.saturating_sub(*before);
                *before = (*before).max(*total);
                used.push((meter.clone(), more));
            }
            let changed =
                written.levels.iter().filter(|(level, amount)| known.levels.get(*level) != Some(*amount));
            levels.extend(changed.map(|(level, amount)| (level.clone(), *amount)));
            absorbed.levels.clone_from(&written.levels);
            absorbed.reports = written.reports.len().max(known.reports);
            for report in written.reports.get(known.reports..).unwrap_or_default() {
                self.add_report(report.clone());
            }
            if absorbed != known {
                self.stored.edit().absorbed.insert(name.clone(), absorbed);
            }
        }
        used.retain(|(_, amount)| *amount > 0);
        self.add_usage(used, at);
        levels
    }

    /// Whether all that a follower wrote is on disk here, so that its file can go.
    pub(super) fn has_absorbed(&self, follower: &FollowerEntry) -> bool {
        let nothing = Absorbed::default();
        let absorbed = self.stored.absorbed.get(&follower.name).unwrap_or(&nothing);
        absorbed.usage == follower.report.usage && absorbed.reports >= follower.report.reports.len()
    }

    /// Forgets followers whose files are gone.
    pub(super) fn forget_followers_but(&mut self, present: &[FollowerEntry]) {
        let is_present = |name: &String| present.iter().any(|entry| entry.name == *name);
        if !self.stored.absorbed.keys().all(is_present) {
            self.stored.edit().absorbed.retain(|name, _| is_present(name));
        }
    }

    /// Begins with another license: usage that was sent under the old one may be sent again under the new one.
    pub(super) fn begin_license(&mut self) {
        self.stored.edit().usage_sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{journal::FollowerReport, vectors::of_rule};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    fn used(meter: &str, amount: u64) -> Vec<(String, u64)> {
        vec![(meter.to_owned(), amount)]
    }

    #[test]
    fn usage_that_was_sent_changes_no_more() {
        let mut outbox = Outbox::new(Duration::ZERO);
        outbox.add_usage(used("jobs", 1), at(1));
        outbox.add_usage(used("jobs", 2), at(2));
        let amounts = |usage: &[Usage]| usage.iter().map(|entry| entry.amount).collect::<Vec<_>>();
        let sent = outbox.send_usage();
        assert_eq!(amounts(&sent), [3]);
        outbox.add_usage(used("jobs", 4), at(3));
        assert_eq!(amounts(outbox.usage()), [3, 4]);
        assert!(!outbox.usage_acknowledged(sent[0].seq));
        assert_eq!(amounts(outbox.usage()), [4]);
        assert_eq!(outbox.take_usage()["jobs"], 4);
        assert!(outbox.take_usage().is_empty());
    }

    #[test]
    fn a_client_that_lost_its_state_uses_no_number_again() {
        let mut before = Outbox::new(Duration::ZERO);
        for second in 1000..1064 {
            before.add_usage(used(&format!("meter-{second}"), 1), at(second));
        }
        let mut after = Outbox::new(Duration::ZERO);
        after.add_usage(used("jobs", 1), at(1064));
        assert!(after.usage()[0].seq > before.usage().last().unwrap().seq);
    }

    #[test]
    fn usage_goes_with_heartbeats_as_the_vectors_say() {
        /// The numbers begin with the milliseconds of the first entry's time.
        const BEFORE_FIRST: u64 = 1000;
        for case in of_rule("L2") {
            let mut outbox = Outbox::new(Duration::ZERO);
            for step in case["steps"].as_array().unwrap() {
                if let Some(record) = step.get("record") {
                    let meter = record[0].as_str().unwrap();
                    outbox.add_usage(used(meter, record[1].as_u64().unwrap()), at(1));
                } else if let Some(through) = step.get("acknowledged") {
                    outbox.usage_acknowledged(BEFORE_FIRST + through.as_u64().unwrap());
                } else {
                    let sent = outbox.send_usage().into_iter();
                    let sent: Vec<_> = sent
                        .map(|entry| json!([entry.meter, entry.amount, entry.seq - BEFORE_FIRST]))
                        .collect();
                    assert_eq!(json!(sent), step["sent"], "{case}");
                }
            }
        }
    }

    #[test]
    fn a_followers_file_that_is_read_twice_counts_once() {
        let mut outbox = Outbox::new(Duration::ZERO);
        let usage = BTreeMap::from([("jobs".to_owned(), 5)]);
        let levels = BTreeMap::from([("nodes".to_owned(), 3)]);
        let report = FollowerReport { usage, levels: levels.clone(), reports: Vec::new() };
        let mut follower = FollowerEntry { name: "follower-1".to_owned(), report, gone: false };
        assert!(!outbox.has_absorbed(&follower));
        assert_eq!(outbox.absorb(std::slice::from_ref(&follower), at(1)), levels);
        assert!(outbox.absorb(std::slice::from_ref(&follower), at(2)).is_empty());
        assert_eq!(outbox.usage()[0].amount, 5);
        assert!(outbox.has_absorbed(&follower));
        follower.report.usage.insert("jobs".to_owned(), 7);
        assert!(!outbox.has_absorbed(&follower));
        outbox.absorb(std::slice::from_ref(&follower), at(3));
        assert_eq!(outbox.take_usage()["jobs"], 7);
        outbox.forget_followers_but(&[]);
        assert!(outbox.stored.absorbed.is_empty());
    }

    #[test]
    fn of_too_many_reports_the_oldest_are_dropped() {
        let mut outbox = Outbox::new(Duration::ZERO);
        for n in 0..LONGEST_QUEUE + 2 {
            let (detail, nonce) = (n.to_string(), String::new());
            outbox.add_report(Report { kind: kaching_api::ReportKind::Security, detail, at: at(1), nonce });
        }
        assert_eq!(outbox.reports().len(), LONGEST_QUEUE);
        assert_eq!(outbox.reports()[0].detail, "2");
        outbox.report_done();
        assert_eq!(outbox.reports()[0].detail, "3");
    }
}
