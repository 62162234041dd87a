//! Removes what is older than it is kept for: each night, by one of the servers on a database, some rows at a time.

mod sql;

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Base64Url, CLOCK_TOLERANCE, Seconds, Timestamp};
use kaching_db::Tx;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Authority, Cx, Op, Result, audit::Entry, daily};

/// How long things are kept; `None` is for ever.
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

/// What is known of the nightly removal, whichever server did it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastRemoval {
    /// When the last one began.
    pub begun_at: Option<Timestamp>,
    /// When the last one that was finished was.
    pub succeeded_at: Option<Timestamp>,
}

/// What is removed, in this order: what refers to an installation goes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    DailyCounts,
    AuditPersonal,
    AuditEntries,
    Usage,
    Moves,
    Displaced,
    Installations,
}

/// The row that all servers on a database share.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    begun_at: i64,
    succeeded_at: Option<i64>,
    /// Which server is at it, and until when nobody else takes over.
    lease: Option<String>,
    until: i64,
    /// How far it is.
    at: Position,
    removed: BTreeMap<String, u64>,
}

/// How far a removal is.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    kept: usize,
    /// Among installations: their status, and the last one that was looked at.
    pub(crate) status: usize,
    pub(crate) after: Option<ActivationId>,
}

/// One batch.
pub(crate) struct Batch {
    pub(crate) removed: u64,
    /// Whether there may be more of the same.
    pub(crate) more: bool,
}

enum Step {
    More,
    Done(BTreeMap<String, u64>),
    /// Another server has taken over.
    Lost,
}

/// Nights begin at this time of the day, UTC.
const BEGINS: Seconds = Seconds(2 * 3600);
/// A server that dies leaves the work to another one after this.
const LEASE: Seconds = Seconds(600);
/// Rows of one transaction: so many are removed in a few milliseconds.
pub(crate) const MOST: i64 = 500;
/// Moves count for 30 days, and are looked at by people for longer.
const MOVES: Seconds = Seconds::days(90);

impl Kept {
    const ALL: [Self; 7] = [
        Self::DailyCounts,
        Self::AuditPersonal,
        Self::AuditEntries,
        Self::Usage,
        Self::Moves,
        Self::Displaced,
        Self::Installations,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DailyCounts => "daily_counts",
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
        let kept = match self {
            Self::DailyCounts => Some(Seconds(0)),
            Self::Moves => Some(MOVES),
            Self::AuditPersonal => retention.personal,
            Self::AuditEntries => retention.audit,
            Self::Usage => retention.usage,
            Self::Displaced | Self::Installations => retention.installations,
        };
        kept.map(|kept| now - kept)
    }
}

impl Authority {
    /// Removes what is older than it is kept for, if that is due and no other server is at it. Returns how many rows
    /// were removed, by what they are, if it was.
    ///
    /// # Errors
    /// If the database cannot be used; the work goes on where it was ended.
    pub async fn remove_old_when_due(&self) -> Result<Option<BTreeMap<String, u64>>> {
        let Some(lease) = self.take_removal().await? else { return Ok(None) };
        let retention = self.retention;
        loop {
            let lease = lease.clone();
            let step = self.write("retention.remove", Cx::system("retention"), move |tx, op| {
                step(tx, op, &lease, &retention)
            });
            match step.await? {
                Step::More => {}
                Step::Lost => return Ok(None),
                Step::Done(removed) => {
                    for (kept, count) in &removed {
                        self.metrics.removed(kept, *count);
                    }
                    return Ok(Some(removed));
                }
            }
        }
    }

    /// Returns what is known of the nightly removal.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn last_removal(&self) -> Result<LastRemoval> {
        self.read("retention.last", |tx, _| last(tx)).await
    }

    /// The lease under which this server does the work that is due.
    async fn take_removal(&self) -> Result<Option<String>> {
        if self.check_clock(self.now()).is_err()
            || !is_due(&self.read("retention.look_due", |tx, _| sql::state(tx)).await?, self.now())
        {
            return Ok(None);
        }
        self.write("retention.take", Cx::system("retention"), move |tx, op| {
            let mut state: State = sql::lock_state(tx)?;
            if !is_due(&state, op.now) {
                return Ok(None);
            }
            if state.lease.is_none() {
                (state.begun_at, state.at) = (op.now.micros(), Position::default());
                state.removed.clear();
            }
            let lease = Base64Url(op.random::<16>()).to_string();
            (state.lease, state.until) = (Some(lease.clone()), (op.now + LEASE).micros());
            sql::keep_state(tx, &state)?;
            Ok(Some(lease))
        })
        .await
    }
}

/// The words of all that is removed, as metrics have them.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    Kept::ALL.into_iter().map(Kept::as_str)
}

pub(crate) fn last(tx: &mut Tx<'_>) -> Result<LastRemoval> {
    let state: State = sql::state(tx)?;
    Ok(LastRemoval {
        begun_at: (state.begun_at != 0).then(|| Timestamp::from_micros(state.begun_at)),
        succeeded_at: state.succeeded_at.map(Timestamp::from_micros),
    })
}

/// Whether a night has begun since the last time, or one that was begun was not finished by whoever was at it.
fn is_due(state: &State, now: Timestamp) -> bool {
    let night = |at: Timestamp| (at - BEGINS).seconds().div_euclid(86_400);
    let (began, until) = (Timestamp::from_micros(state.begun_at), Timestamp::from_micros(state.until));
    let left = state.lease.is_some();
    // What began later than now was begun by a clock that ran ahead.
    let ahead = began.since(now) > CLOCK_TOLERANCE;
    ahead || (state.begun_at == 0 || left || night(now) > night(began)) && now >= until
}

/// Removes one batch, and remembers how far that is.
fn step(tx: &mut Tx<'_>, op: &mut Op, lease: &str, retention: &Retention) -> Result<Step> {
    let mut state: State = sql::lock_state(tx)?;
    if state.lease.as_deref() != Some(lease) {
        return Ok(Step::Lost);
    }
    if let Some(kept) = Kept::ALL.get(state.at.kept).copied() {
        let batch = match kept.before(retention, op.now) {
            None => Batch { removed: 0, more: false },
            Some(before) => remove(tx, op, kept, before, &mut state.at)?,
        };
        if batch.removed > 0 {
            *state.removed.entry(kept.as_str().to_owned()).or_default() += batch.removed;
        }
        if !batch.more {
            state.at = Position { kept: state.at.kept + 1, ..Position::default() };
        }
        state.until = (op.now + LEASE).micros();
        sql::keep_state(tx, &state)?;
        return Ok(Step::More);
    }
    (state.lease, state.until) = (None, 0);
    state.succeeded_at = Some(op.now.micros());
    sql::keep_state(tx, &state)?;
    // Counts of a day that is over say nothing that was lost.
    let told: BTreeMap<_, _> = state.removed.iter().filter(|(kept, _)| *kept != "daily_counts").collect();
    if !told.is_empty() {
        op.on("retention.remove", "retention");
        op.audit(tx, Entry::ok(json!({ "removed": told })))?;
    }
    Ok(Step::Done(state.removed))
}

fn remove(tx: &mut Tx<'_>, op: &mut Op, kept: Kept, before: Timestamp, at: &mut Position) -> Result<Batch> {
    let removed = match kept {
        Kept::DailyCounts => days(tx, op)?,
        Kept::AuditPersonal => sql::remove_personal(tx, before)?,
        Kept::AuditEntries => sql::remove_entries(tx, before)?,
        Kept::Usage => sql::remove_usage(tx, before)?,
        Kept::Moves => sql::remove_moves(tx, before)?,
        Kept::Displaced => sql::remove_displaced(tx, before)?,
        Kept::Installations => return sql::remove_installations(tx, before, at),
    };
    Ok(Batch { removed, more: removed >= MOST.unsigned_abs() })
}

/// Counts of days that are over; where audit entries were counted only, one entry says how many.
fn days(tx: &mut Tx<'_>, op: &mut Op) -> Result<u64> {
    let over = daily::over(tx, op.now, MOST)?;
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
