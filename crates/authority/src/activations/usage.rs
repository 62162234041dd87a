//! Usage of counters: a heartbeat's increments go into an inbox as one row, and a job moves them to the reports.

mod roll_up;
mod sql;

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{ActivationId, Code, LicenseId, Limits, Timestamp};
use kaching_db::Tx;
use kaching_domain::activations::known_counter;
use serde::{Deserialize, Serialize};

use super::Usage;
use crate::{
    Result,
    daily::{Charged, DailyCount, DailyLimits},
};

pub(crate) use roll_up::roll_up_usage;

/// The increments of one heartbeat.
pub(super) struct UsageReport {
    pub(super) activation: ActivationId,
    /// The heartbeat's generation and number are the key of its row: sent again, it finds that row.
    pub(super) generation: i64,
    pub(super) number: i64,
    /// Whether a heartbeat with this number may have been stored before.
    pub(super) may_repeat: bool,
    pub(super) increments: Vec<Increment>,
}

/// An increment of a counter that the license has, as it is stored. One with the same `seq` is the same increment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Increment {
    meter: Code,
    seq: i64,
    amount: i64,
    /// Microseconds.
    at: i64,
}

/// Returns the increments that can be stored, and the different warnings about the others.
pub(super) fn accept(limits: &Limits, usage: &[Usage]) -> (Vec<Increment>, BTreeSet<String>) {
    let mut warnings = BTreeSet::new();
    let increments = usage
        .iter()
        .filter_map(|reported| increment(limits, reported).map_err(|warning| warnings.insert(warning)).ok())
        .collect();
    (increments, warnings)
}

fn increment(limits: &Limits, reported: &Usage) -> Result<Increment, String> {
    let Some(meter) = known_counter(limits, &reported.meter) else {
        let name: String = reported.meter.chars().take(63).collect();
        return Err(format!("the license has no counter named '{name}': it was ignored"));
    };
    match (i64::try_from(reported.seq), i64::try_from(reported.amount)) {
        (Ok(seq), Ok(amount)) => {
            Ok(Increment { meter: meter.clone(), seq, amount, at: reported.at.micros() })
        }
        _ => Err(format!("usage of seq {} is too large: it was ignored", reported.seq)),
    }
}

/// Stores the increments of heartbeats, as many as each license may still report today. Returns a warning for each
/// report of which some were ignored. The activations are locked by the caller.
pub(super) fn store(
    tx: &mut Tx<'_>,
    daily: DailyLimits,
    mut reports: Vec<(Charged, UsageReport)>,
    now: Timestamp,
) -> Result<Vec<Option<String>>> {
    // Counts are locked in the order of the licenses' ids, so that two batches never wait for each other.
    let mut left: BTreeMap<LicenseId, (Charged, i64)> = BTreeMap::new();
    for (charged, report) in &reports {
        left.entry(charged.license).or_insert((*charged, 0)).1 += length(report);
    }
    for (charged, count) in left.values_mut() {
        *count = daily.take(tx, *charged, DailyCount::Usage, *count, now)?;
    }
    let warnings = reports
        .iter_mut()
        .map(|(charged, report)| {
            let left = left.get_mut(&charged.license).map(|(_, left)| left)?;
            let stored = length(report).min(*left);
            *left -= stored;
            let ignored = length(report) - stored;
            report.increments.truncate(usize::try_from(stored).unwrap_or(0));
            (ignored > 0).then(|| {
                format!("the license has reported more usage today than is stored: {ignored} of this heartbeat were ignored")
            })
        })
        .collect();
    for (_, report) in &mut reports {
        if report.may_repeat && !report.increments.is_empty() {
            let waiting = sql::waiting(tx, report)?;
            merge(&mut report.increments, waiting);
        }
    }
    sql::insert_all(
        tx,
        reports.iter().map(|(_, report)| report).filter(|one| !one.increments.is_empty()),
        now,
    )?;
    Ok(warnings)
}

fn length(report: &UsageReport) -> i64 {
    i64::try_from(report.increments.len()).unwrap_or(i64::MAX)
}

/// Adds the increments that an earlier copy of a heartbeat has left in the inbox.
fn merge(increments: &mut Vec<Increment>, waiting: Vec<Increment>) {
    let known: BTreeSet<_> = increments.iter().map(|one| (one.meter.clone(), one.seq)).collect();
    increments.extend(waiting.into_iter().filter(|one| !known.contains(&(one.meter.clone(), one.seq))));
}
