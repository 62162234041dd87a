//! The one task of a process that reads changes and notifies the listeners.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kaching_base::{LicenseId, Timestamp};
use tokio::time::Instant;

use super::{
    Change, News, Snapshot,
    slot::{Scope, Slot},
    snapshot::{due, spread},
    sql::{self, ChangePosition, CommittedChange},
    topics::Subscribed,
};
use crate::{Authority, Cx, Result};

/// The interval at which changes of other servers are read. SQLite has one server: changes of another process of the same machine
/// are read together with those of the clock.
const READ: Duration = Duration::from_millis(100);
/// The interval at which changes by time alone are read.
const CLOCK: Duration = Duration::from_secs(1);
/// Licenses that are read in one transaction.
const LICENSES: usize = 16;
/// Listeners that are woken before other tasks of this thread get their turn.
const LISTENERS: usize = 256;

/// The changes above a known position.
enum NextChanges {
    /// They follow on the position without a gap.
    Next(Vec<CommittedChange>),
    /// Some are missing, or the numbers have gone back: all listeners take a new snapshot.
    Gap,
}

impl Authority {
    /// Notifies listeners of changes, whichever replica has committed them. Runs until it is dropped; a process runs it
    /// once.
    pub async fn follow_changes(&self) {
        let mut failed = false;
        let mut clock = Instant::now();
        let interval = if self.is_shared() { READ } else { CLOCK };
        loop {
            let mut outcome = self.notify_of_changes().await;
            if outcome.is_ok() && clock <= Instant::now() {
                outcome = self.notify_of_time().await;
                clock = Instant::now() + CLOCK;
            }
            match &outcome {
                Ok(()) if failed => tracing::info!("changes of licenses are read again"),
                Err(error) if !failed => tracing::warn!(%error, "changes of licenses cannot be read for now"),
                _ => {}
            }
            failed = outcome.is_err();
            let _ = tokio::time::timeout(interval, self.changes.woken.notified()).await;
        }
    }

    /// Ends all present and later listeners: the process stops, and they connect to another.
    pub fn end_listening(&self) {
        self.changes.topics.close();
    }

    async fn notify_of_changes(&self) -> Result<()> {
        let mut position = self.changes.position.lock().await;
        loop {
            let known = *position;
            let (newest, rows) = self
                .read("changes.read", move |tx, _| {
                    let newest = sql::newest(tx)?;
                    let rows = if newest == known { Vec::new() } else { sql::above(tx, known.number)? };
                    Ok((newest, rows))
                })
                .await?;
            if known == newest {
                return Ok(());
            }
            match check_next(known, newest, rows) {
                NextChanges::Next(rows) => {
                    self.notify(self.changes.topics.subscribed(&rows)).await?;
                    self.changes.metrics.read.inc_by(rows.len() as u64);
                    // Changes count as read once the listeners are notified: after an error they are read again.
                    let number = rows.last().map_or(newest.number, |row| row.number);
                    *position = ChangePosition { number, epoch: newest.epoch };
                    if rows.len() < sql::MOST {
                        return Ok(());
                    }
                }
                NextChanges::Gap => {
                    self.changes.metrics.gaps.inc();
                    each(&self.changes.topics.all(), |slot| slot.resync()).await;
                    *position = newest;
                    return Ok(());
                }
            }
        }
    }

    async fn notify_of_time(&self) -> Result<()> {
        self.notify(self.changes.topics.due(self.now())).await
    }

    /// Reads each of these licenses once, and notifies its listeners.
    async fn notify(&self, subscribed: BTreeMap<LicenseId, Subscribed>) -> Result<()> {
        let subscribed: Vec<_> = subscribed.into_iter().collect();
        for some in subscribed.chunks(LICENSES) {
            let sequence = self.changes.topics.next_sequence();
            let asked = some.to_vec();
            let (found, now) = self
                .read("changes.tell", move |tx, now| {
                    let mut found = Vec::with_capacity(asked.len());
                    for (license, subscribed) in &asked {
                        found.extend(Snapshot::read(tx, *license, subscribed.own.keys().copied(), now)?);
                    }
                    Ok((found, now))
                })
                .await?;
            for snapshot in found {
                let license = snapshot.entitlement.license.id;
                let Some((_, subscribed)) = some.iter().find(|(id, _)| *id == license) else { continue };
                self.notify_license(&snapshot, subscribed, sequence, now).await?;
            }
        }
        Ok(())
    }

    async fn notify_license(
        &self,
        snapshot: &Snapshot,
        subscribed: &Subscribed,
        sequence: u64,
        now: Timestamp,
    ) -> Result<()> {
        let topics = &self.changes.topics;
        let license = &snapshot.entitlement.license;
        topics.set_due(license.id, due(license, now), None);
        if let Some(at) = subscribed.general {
            let refusal = self.push_license_refusal(&snapshot.entitlement, now)?;
            let news = self.news(snapshot, refusal, spread(license), at, now);
            each(&topics.of_license(license.id), |slot| slot.put(Scope::License, &news, sequence)).await;
        }
        for activation in &snapshot.activations {
            let Some(at) = subscribed.own.get(&activation.id) else { continue };
            let refusal = self.push_refusal(&snapshot.entitlement, activation, now)?;
            let news = self.news(snapshot, refusal, 0, *at, now);
            each(&topics.of_activation(license.id, activation.id), |slot| {
                slot.put(Scope::Activation, &news, sequence)
            })
            .await;
        }
        Ok(())
    }

    fn news(
        &self,
        snapshot: &Snapshot,
        refusal: Option<String>,
        within_ms: u64,
        at: Timestamp,
        now: Timestamp,
    ) -> Arc<News> {
        let (rev, epoch) = (snapshot.entitlement.license.revision, self.keys().epoch);
        Arc::new(News::new(Change { rev, epoch, refusal, within_ms: Some(within_ms), at: Some(at) }, now))
    }
}

/// Checks that these rows are all between the known position and the newest.
fn check_next(known: ChangePosition, newest: ChangePosition, rows: Vec<CommittedChange>) -> NextChanges {
    if known.epoch != newest.epoch || known.number > newest.number {
        return NextChanges::Gap;
    }
    let follows = rows.iter().map(|row| row.number).eq((known.number + 1..).take(rows.len()));
    // Rows that were cut off at the bound are read next.
    let reaches = rows.len() == sql::MOST || rows.last().is_some_and(|row| row.number >= newest.number);
    if follows && reaches { NextChanges::Next(rows) } else { NextChanges::Gap }
}

async fn each(slots: &[Arc<Slot>], act: impl Fn(&Slot)) {
    for some in slots.chunks(LISTENERS) {
        some.iter().for_each(|slot| act(slot));
        tokio::task::yield_now().await;
    }
}

/// Deletes the changes of more than an hour ago, a bounded number at a time. Returns how many.
pub(crate) async fn forget_old(authority: &Authority) -> Result<u64> {
    authority.write("changes.forget", Cx::system("changes.forget"), |tx, op| sql::forget(tx, op.now)).await
}

#[cfg(test)]
mod tests {
    use kaching_base::LicenseId;

    use super::*;

    #[test]
    fn changes_with_a_gap_are_not_taken_as_the_next_ones() {
        let at = |number, epoch| ChangePosition { number, epoch };
        let rows = |numbers: std::ops::RangeInclusive<i64>| -> Vec<CommittedChange> {
            let (license, at) = (LicenseId::from_bytes([1; 16]), Timestamp::from_seconds(0));
            numbers.map(|number| CommittedChange { number, license, activation: None, at }).collect()
        };
        let follows = |known, newest, rows| matches!(check_next(known, newest, rows), NextChanges::Next(_));
        assert!(follows(at(4, 1), at(6, 1), rows(5..=6)));
        assert!(follows(at(4, 1), at(6, 1), rows(5..=7)), "one more was committed after the newest was read");
        assert!(follows(at(0, 1), at(2000, 1), rows(1..=1000)), "the rest is read next");
        assert!(!follows(at(4, 1), at(6, 1), rows(6..=6)), "one is missing at the beginning");
        assert!(!follows(at(4, 1), at(6, 1), rows(5..=5)), "and at the end");
        assert!(!follows(at(4, 1), at(6, 1), Vec::new()), "all were forgotten");
        assert!(!follows(at(4, 1), at(3, 1), Vec::new()), "the database went back");
        assert!(!follows(at(4, 1), at(5, 2), rows(5..=5)), "and went on under another epoch");
    }
}
