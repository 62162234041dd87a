//! The one task of a process that reads what changed and tells it on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kaching_base::{LicenseId, Timestamp};
use tokio::time::Instant;

use super::{
    Change, News,
    slot::{Reach, Slot},
    sql::{self, Mark, Row},
    topics::Wanted,
};
use crate::{
    Authority, Cx, Result,
    watching::{self, Looked},
};

/// How often it looks for what other servers committed. Beside a file there are none: what a process of the same machine
/// may have changed in it is looked for with what the clock changed.
const LOOK: Duration = Duration::from_millis(100);
/// How often it looks for what the clock alone changed.
const CLOCK: Duration = Duration::from_secs(1);
/// Licenses that are looked at in one transaction.
const TOGETHER: usize = 16;
/// Listeners that are woken before others of this thread get their turn.
const AT_ONCE: usize = 256;

/// What a look for changes found.
enum Found {
    /// These follow on what was known.
    Next(Vec<Row>),
    /// Some are missing, or these are not the numbers that were known: everybody looks anew.
    Gap,
}

impl Authority {
    /// Tells those who listen what changes, on whatever replica. Runs until it is dropped; a process runs it once.
    pub async fn follow_changes(&self) {
        let mut deaf = false;
        let mut clock = Instant::now();
        let look = if self.is_shared() { LOOK } else { CLOCK };
        loop {
            let mut told = self.tell_changes().await;
            if told.is_ok() && clock <= Instant::now() {
                told = self.tell_of_time().await;
                clock = Instant::now() + CLOCK;
            }
            match &told {
                Ok(()) if deaf => tracing::info!("changes of licenses are heard again"),
                Err(error) if !deaf => tracing::warn!(%error, "changes of licenses are not heard for now"),
                _ => {}
            }
            deaf = told.is_err();
            let _ = tokio::time::timeout(look, self.changes.woken.notified()).await;
        }
    }

    /// Ends all who listen, and whoever comes later: the process stops, and they go to another.
    pub fn end_listening(&self) {
        self.changes.topics.close();
    }

    async fn tell_changes(&self) -> Result<()> {
        let mut seen = self.changes.seen.lock().await;
        loop {
            let known = *seen;
            let (mark, rows) = self
                .read("changes.read", move |tx, _| {
                    let mark = sql::mark(tx)?;
                    let rows = if mark == known { Vec::new() } else { sql::above(tx, known.number)? };
                    Ok((mark, rows))
                })
                .await?;
            if known == mark {
                return Ok(());
            }
            match found(known, mark, rows) {
                Found::Next(rows) => {
                    self.tell(self.changes.topics.wanted(&rows)).await?;
                    self.changes.metrics.read.inc_by(rows.len() as u64);
                    // Only what was told is known: after an error it is read again.
                    let number = rows.last().map_or(mark.number, |row| row.number);
                    *seen = Mark { number, epoch: mark.epoch };
                    if rows.len() < sql::MOST {
                        return Ok(());
                    }
                }
                Found::Gap => {
                    self.changes.metrics.gaps.inc();
                    each(&self.changes.topics.all(), |slot| slot.look_anew()).await;
                    *seen = mark;
                    return Ok(());
                }
            }
        }
    }

    async fn tell_of_time(&self) -> Result<()> {
        self.tell(self.changes.topics.due(self.now())).await
    }

    /// Looks at each of these licenses once, and tells those who listen.
    async fn tell(&self, wanted: BTreeMap<LicenseId, Wanted>) -> Result<()> {
        let wanted: Vec<_> = wanted.into_iter().collect();
        for some in wanted.chunks(TOGETHER) {
            let mark = self.changes.topics.mark();
            let asked = some.to_vec();
            let (found, now) = self
                .read("changes.tell", move |tx, now| {
                    let mut found = Vec::with_capacity(asked.len());
                    for (license, wanted) in &asked {
                        found.extend(Looked::read(tx, *license, wanted.own.keys().copied(), now)?);
                    }
                    Ok((found, now))
                })
                .await?;
            for looked in found {
                let license = looked.around.license.id;
                let Some((_, wanted)) = some.iter().find(|(id, _)| *id == license) else { continue };
                self.tell_of(&looked, wanted, mark, now).await?;
            }
        }
        Ok(())
    }

    async fn tell_of(&self, looked: &Looked, wanted: &Wanted, mark: u64, now: Timestamp) -> Result<()> {
        let topics = &self.changes.topics;
        let license = &looked.around.license;
        topics.set_due(license.id, watching::due(license, now), None);
        if let Some(at) = wanted.general {
            let refusal = self.push_license_refusal(&looked.around, now)?;
            let news = self.news(looked, refusal, watching::spread(license), at, now);
            each(&topics.of_license(license.id), |slot| slot.put(Reach::License, &news, mark)).await;
        }
        for activation in &looked.activations {
            let Some(at) = wanted.own.get(&activation.id) else { continue };
            let refusal = self.push_refusal(&looked.around, activation, now)?;
            let news = self.news(looked, refusal, 0, *at, now);
            each(&topics.of_activation(license.id, activation.id), |slot| {
                slot.put(Reach::Activation, &news, mark)
            })
            .await;
        }
        Ok(())
    }

    fn news(
        &self,
        looked: &Looked,
        refusal: Option<String>,
        within_ms: u64,
        at: Timestamp,
        now: Timestamp,
    ) -> Arc<News> {
        let (rev, epoch) = (looked.around.license.revision, self.keys().epoch);
        Arc::new(News::new(Change { rev, epoch, refusal, within_ms: Some(within_ms), at: Some(at) }, now))
    }
}

/// Whether these rows are all that lie between what was known and the newest mark.
fn found(known: Mark, mark: Mark, rows: Vec<Row>) -> Found {
    if known.epoch != mark.epoch || known.number > mark.number {
        return Found::Gap;
    }
    let follows = rows.iter().map(|row| row.number).eq((known.number + 1..).take(rows.len()));
    // A look that was cut at its bound goes on behind it.
    let reaches = rows.len() == sql::MOST || rows.last().is_some_and(|row| row.number >= mark.number);
    if follows && reaches { Found::Next(rows) } else { Found::Gap }
}

async fn each(slots: &[Arc<Slot>], act: impl Fn(&Slot)) {
    for some in slots.chunks(AT_ONCE) {
        some.iter().for_each(|slot| act(slot));
        tokio::task::yield_now().await;
    }
}

/// Forgets the changes of more than an hour ago, a bounded number at a time. How many.
pub(crate) async fn forget_old(authority: &Authority) -> Result<u64> {
    authority.write("changes.forget", Cx::system("changes.forget"), |tx, op| sql::forget(tx, op.now)).await
}

#[cfg(test)]
mod tests {
    use kaching_base::LicenseId;

    use super::*;

    #[test]
    fn only_what_follows_without_a_gap_is_told() {
        let mark = |number, epoch| Mark { number, epoch };
        let rows = |numbers: std::ops::RangeInclusive<i64>| -> Vec<Row> {
            let (license, at) = (LicenseId::from_bytes([1; 16]), Timestamp::from_seconds(0));
            numbers.map(|number| Row { number, license, activation: None, at }).collect()
        };
        let follows = |known, newest, rows| matches!(found(known, newest, rows), Found::Next(_));
        assert!(follows(mark(4, 1), mark(6, 1), rows(5..=6)));
        assert!(
            follows(mark(4, 1), mark(6, 1), rows(5..=7)),
            "one more was committed after the mark was read"
        );
        assert!(follows(mark(0, 1), mark(2000, 1), rows(1..=1000)), "the rest is read next");
        assert!(!follows(mark(4, 1), mark(6, 1), rows(6..=6)), "one is missing at the beginning");
        assert!(!follows(mark(4, 1), mark(6, 1), rows(5..=5)), "and at the end");
        assert!(!follows(mark(4, 1), mark(6, 1), Vec::new()), "all were forgotten");
        assert!(!follows(mark(4, 1), mark(3, 1), Vec::new()), "the database went back");
        assert!(!follows(mark(4, 1), mark(5, 2), rows(5..=5)), "and went on under another epoch");
    }
}
