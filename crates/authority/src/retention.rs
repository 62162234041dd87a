//! Removes rows whose retention is over: each night, by one of the servers on a database, some rows at a time.

mod sql;

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Seconds, Timestamp};
use kaching_db::Tx;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Authority, Cx, Op, Result,
    audit::Entry,
    daily, jobs,
    jobs::Progress,
    shared_run::{SharedRun, lock_state, state, store_state},
};

/// The times for which rows are kept; `None` is forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Audit entries.
    pub audit: Option<Seconds>,
    /// The personal part of audit entries: names, mail, addresses, fingerprints, reports.
    pub personal: Option<Seconds>,
    /// Increments of counters.
    pub usage: Option<Seconds>,
    /// Installations that hold no slot, and credentials that were displaced.
    pub installations: Option<Seconds>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            audit: None,
            personal: Some(Seconds::days(1095)),
            usage: Some(Seconds::days(400)),
            installations: Some(Seconds::days(400)),
        }
    }
}

/// The state of the nightly removal, for all servers on the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastRemoval {
    /// The beginning of the last one.
    pub begun_at: Option<Timestamp>,
    /// The end of the last one that removed everything that was due.
    pub succeeded_at: Option<Timestamp>,
}

/// The kinds of rows that are removed, in this order: rows that refer to an installation go before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetainedKind {
    DailyCounts,
    AuditPersonal,
    AuditEntries,
    Usage,
    Moves,
    Displaced,
    Installations,
    FinishedJobs,
}

/// The row that all servers on a database share.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct RemovalState {
    #[serde(flatten)]
    run: SharedRun,
    /// The progress.
    at: Position,
    removed: BTreeMap<String, u64>,
    /// The kinds that could not be removed, with the reason of each.
    failed: BTreeMap<String, String>,
}

/// The name of that row.
const NAME: &str = "retention";

/// The progress of a removal.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    #[serde(rename = "kept")]
    kind: usize,
    /// Among installations: their status, and the last one that was examined.
    pub(crate) status: usize,
    pub(crate) after: Option<ActivationId>,
}

/// The result of one batch.
pub(crate) struct RemovedBatch {
    pub(crate) removed: u64,
    /// Whether there may be more of the same.
    pub(crate) more: bool,
}

enum RemovalStep {
    More,
    Done(Removed),
    /// Another server has taken over.
    Lost,
}

/// The result of a nightly removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The number of removed rows by kind.
    pub rows: BTreeMap<String, u64>,
    /// The kinds that could not be removed, with the reason of each.
    pub failed: BTreeMap<String, String>,
}

/// Nights begin at this time of the day, UTC.
const BEGINS: Seconds = Seconds(2 * 3600);
/// The rows that one transaction removes, in a few milliseconds.
pub(crate) const BATCH_ROWS: i64 = 500;
/// Moves count for 30 days, and interest people for longer.
const MOVES: Seconds = Seconds::days(90);

impl RetainedKind {
    const ALL: [Self; 8] = [
        Self::DailyCounts,
        Self::AuditPersonal,
        Self::AuditEntries,
        Self::Usage,
        Self::Moves,
        Self::Displaced,
        Self::Installations,
        Self::FinishedJobs,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DailyCounts => "daily_counts",
            Self::FinishedJobs => "finished_jobs",
            Self::AuditPersonal => "audit_personal",
            Self::AuditEntries => "audit_entries",
            Self::Usage => "usage",
            Self::Moves => "moves",
            Self::Displaced => "displaced_credentials",
            Self::Installations => "installations",
        }
    }

    /// The moment before which it is removed.
    fn before(self, retention: &Retention, now: Timestamp) -> Option<Timestamp> {
        let retention = match self {
            // Days that are over, and jobs by what became of them.
            Self::DailyCounts | Self::FinishedJobs => Some(Seconds(0)),
            Self::Moves => Some(MOVES),
            Self::AuditPersonal => retention.personal,
            Self::AuditEntries => retention.audit,
            Self::Usage => retention.usage,
            Self::Displaced | Self::Installations => retention.installations,
        };
        retention.map(|retention| now - retention)
    }
}

impl Authority {
    /// Removes the rows whose retention is over, if a night has begun and no other server does it. Returns `None` if this
    /// server removed nothing.
    ///
    /// # Errors
    /// If the database cannot be used; the next run continues the work.
    pub async fn remove_old_when_due(&self) -> Result<Option<Removed>> {
        let Some(lease) = self.take_removal().await? else { return Ok(None) };
        let retention = self.retention;
        loop {
            let held = lease.clone();
            let step = self.write("retention.remove", Cx::system("retention"), move |tx, op| {
                step(tx, op, &held, &retention)
            });
            let step = match step.await {
                Err(error) if error.concerns_one_item() => {
                    self.pass_over(lease.clone(), error.to_string()).await?;
                    continue;
                }
                step => step?,
            };
            match step {
                RemovalStep::More => {}
                RemovalStep::Lost => return Ok(None),
                RemovalStep::Done(removed) => {
                    for (kind, count) in &removed.rows {
                        self.metrics.removed(kind, *count);
                    }
                    return Ok(Some(removed));
                }
            }
        }
    }

    /// Goes on with the next kind of rows, where those of the present one cannot be removed.
    async fn pass_over(&self, lease: String, error: String) -> Result<()> {
        self.write("retention.pass_over", Cx::system("retention"), move |tx, _| {
            let mut state: RemovalState = lock_state(tx, NAME)?;
            if state.run.is_leased_as(&lease)
                && let Some(kind) = RetainedKind::ALL.get(state.at.kind)
            {
                state.failed.insert(kind.as_str().to_owned(), error.clone());
                state.at = Position { kind: state.at.kind + 1, ..Position::default() };
                store_state(tx, NAME, &state)?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the state of the nightly removal.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn last_removal(&self) -> Result<LastRemoval> {
        self.read("retention.last", |tx, _| last(tx)).await
    }

    /// Takes the lease for the removal that is due.
    async fn take_removal(&self) -> Result<Option<String>> {
        if self.check_clock(self.now()).is_err()
            || !is_due(&self.read("retention.look_due", |tx, _| state(tx, NAME)).await?, self.now())
        {
            return Ok(None);
        }
        self.write("retention.take", Cx::system("retention"), move |tx, op| {
            let mut state: RemovalState = lock_state(tx, NAME)?;
            if !is_due(&state, op.now) {
                return Ok(None);
            }
            if !state.run.is_unfinished() {
                state.run.begin(op.now);
                state.at = Position::default();
                state.removed.clear();
                state.failed.clear();
            }
            let lease = state.run.take_lease(op);
            store_state(tx, NAME, &state)?;
            Ok(Some(lease))
        })
        .await
    }
}

/// Returns the names of the kinds, as metrics have them.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    RetainedKind::ALL.into_iter().map(RetainedKind::as_str)
}

pub(crate) fn last(tx: &mut Tx<'_>) -> Result<LastRemoval> {
    let RemovalState { run, .. } = state(tx, NAME)?;
    Ok(LastRemoval { begun_at: run.begun_at(), succeeded_at: run.succeeded_at() })
}

/// Removes old rows, if a night has begun, and reports the kinds that could not be removed.
pub(crate) async fn remove_due(authority: &Authority) -> Result<Progress> {
    let Some(removed) = authority.remove_old_when_due().await? else { return Ok(Progress::default()) };
    if !removed.rows.is_empty() {
        tracing::info!(removed = ?removed.rows, "rows whose retention is over were removed");
    }
    let failed = removed.failed.into_iter().map(|(kind, reason)| (kind, crate::Error::Failure(reason)));
    Ok(Progress { done: removed.rows.values().sum(), failed: failed.collect() })
}

/// Whether a night has begun since the last time, or one was begun and not finished.
fn is_due(state: &RemovalState, now: Timestamp) -> bool {
    let night = |at: Timestamp| (at - BEGINS).seconds().div_euclid(86_400);
    state.run.is_due(now, |begun| night(now) > night(begun))
}

/// Removes one batch, and remembers how far that is.
fn step(tx: &mut Tx<'_>, op: &mut Op, lease: &str, retention: &Retention) -> Result<RemovalStep> {
    let mut state: RemovalState = lock_state(tx, NAME)?;
    if !state.run.is_leased_as(lease) {
        return Ok(RemovalStep::Lost);
    }
    if let Some(kind) = RetainedKind::ALL.get(state.at.kind).copied() {
        let batch = match kind.before(retention, op.now) {
            None => RemovedBatch { removed: 0, more: false },
            Some(before) => remove(tx, op, kind, before, &mut state.at)?,
        };
        if batch.removed > 0 {
            *state.removed.entry(kind.as_str().to_owned()).or_default() += batch.removed;
        }
        if !batch.more {
            state.at = Position { kind: state.at.kind + 1, ..Position::default() };
        }
        state.run.renew_lease(op.now);
        store_state(tx, NAME, &state)?;
        return Ok(RemovalStep::More);
    }
    state.run.end();
    if state.failed.is_empty() {
        state.run.succeed(op.now);
    }
    store_state(tx, NAME, &state)?;
    let recorded = state.removed.iter().filter(|(kind, _)| !UNRECORDED.contains(&kind.as_str()));
    let recorded: BTreeMap<_, _> = recorded.collect();
    if !recorded.is_empty() {
        op.on("retention.remove", "retention");
        op.audit(tx, Entry::ok(json!({ "removed": recorded })))?;
    }
    Ok(RemovalStep::Done(Removed { rows: state.removed, failed: state.failed }))
}

/// Counts of a day that is over, and jobs that have ended, hold nothing of which the log would have to say that it was
/// removed.
const UNRECORDED: [&str; 2] = ["daily_counts", "finished_jobs"];

fn remove(
    tx: &mut Tx<'_>,
    op: &mut Op,
    kind: RetainedKind,
    before: Timestamp,
    at: &mut Position,
) -> Result<RemovedBatch> {
    let removed = match kind {
        RetainedKind::DailyCounts => remove_days(tx, op)?,
        RetainedKind::FinishedJobs => jobs::remove_finished(tx, op.now, BATCH_ROWS)?,
        RetainedKind::AuditPersonal => sql::remove_personal(tx, before)?,
        RetainedKind::AuditEntries => sql::remove_entries(tx, before)?,
        RetainedKind::Usage => sql::remove_usage(tx, before)?,
        RetainedKind::Moves => sql::remove_moves(tx, before)?,
        RetainedKind::Displaced => sql::remove_displaced(tx, before)?,
        RetainedKind::Installations => return sql::remove_installations(tx, before, at),
    };
    Ok(RemovedBatch { removed, more: removed >= BATCH_ROWS.unsigned_abs() })
}

/// Counts of days that are over; where audit entries were counted only, one entry says how many.
fn remove_days(tx: &mut Tx<'_>, op: &mut Op) -> Result<u64> {
    let over = daily::over(tx, op.now, BATCH_ROWS)?;
    for (license, day, skipped) in &over {
        if *skipped > 0 {
            op.on("license.audit_limited", license);
            let change = json!({ "day": daily::beginning(*day), "not_written": skipped });
            op.audit(tx, Entry::ok(change))?;
        }
        daily::remove(tx, *license, *day)?;
    }
    Ok(over.len() as u64)
}
