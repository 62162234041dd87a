//! Limits of the rows that a product's calls store for one license in a day. The count is in the database, so that it holds
//! across all servers; it is written only where something is stored.

use kaching_base::{LicenseId, Seconds, Timestamp};
use kaching_db::{Row, Tx, params};
use kaching_domain::License;

use crate::{Error, Result};

/// The maximum that is stored for a license in a day (UTC), for each installation that is active and for at least one; 0 is no
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyLimits {
    /// Reports.
    pub reports: u32,
    /// Increments of counters.
    pub usage: u32,
    /// Activations by key; a repeat of the same request is none.
    pub activations: u32,
    /// Audit entries of refusals of products.
    pub audit: u32,
}

impl Default for DailyLimits {
    fn default() -> Self {
        Self { reports: 50, usage: 20_000, activations: 500, audit: 500 }
    }
}

/// The kinds of rows that are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DailyCount {
    Reports,
    Usage,
    Activations,
    Audit,
}

/// The license that is charged, with the number of its active installations.
#[derive(Clone, Copy)]
pub(crate) struct Charged {
    pub(crate) license: LicenseId,
    pub(crate) active: i64,
}

impl Charged {
    pub(crate) fn to(license: &License) -> Self {
        Self { license: license.id, active: license.active }
    }
}

impl DailyLimits {
    fn of(&self, counted: DailyCount) -> u32 {
        match counted {
            DailyCount::Reports => self.reports,
            DailyCount::Usage => self.usage,
            DailyCount::Activations => self.activations,
            DailyCount::Audit => self.audit,
        }
    }

    /// Returns how much the license may store in a day; `None` without a limit.
    fn limit(&self, charged: Charged, counted: DailyCount) -> Option<i64> {
        let each = i64::from(self.of(counted));
        (each > 0).then(|| each.saturating_mul(charged.active.max(1)))
    }

    /// Adds to a license's count of the day. Returns how many of those added are within its limit.
    pub(crate) fn take(
        &self,
        tx: &mut Tx<'_>,
        charged: Charged,
        counted: DailyCount,
        wanted: i64,
        now: Timestamp,
    ) -> Result<i64> {
        let Some(limit) = self.limit(charged, counted).filter(|_| wanted > 0) else { return Ok(wanted) };
        let taken = add(tx, charged.license, counted, wanted, now)?;
        Ok((limit - (taken - wanted)).clamp(0, wanted))
    }

    /// Adds one to a license's count of the day. Returns whether it is the last one within the limit.
    ///
    /// # Errors
    /// [`Error::TooMany`] with this sentence where it is beyond the limit.
    pub(crate) fn admit(
        &self,
        tx: &mut Tx<'_>,
        charged: Charged,
        counted: DailyCount,
        detail: &'static str,
        now: Timestamp,
    ) -> Result<bool> {
        let Some(limit) = self.limit(charged, counted) else { return Ok(false) };
        let taken = add(tx, charged.license, counted, 1, now)?;
        if taken > limit {
            return Err(Error::TooMany { detail, retry_after: until_tomorrow(now) });
        }
        Ok(taken == limit)
    }
}

fn add(tx: &mut Tx<'_>, license: LicenseId, counted: DailyCount, wanted: i64, now: Timestamp) -> Result<i64> {
    let amount = |of| if counted == of { wanted } else { 0 };
    let sql =
        "insert into daily_counts (license, day, reports, usage_entries, activations, audit_entries, skipped)
               values (?1, ?2, ?3, ?4, ?5, ?6, 0)
               on conflict (license, day) do update set reports = daily_counts.reports + excluded.reports,
                 usage_entries = daily_counts.usage_entries + excluded.usage_entries,
                 activations = daily_counts.activations + excluded.activations,
                 audit_entries = daily_counts.audit_entries + excluded.audit_entries
               returning reports, usage_entries, activations, audit_entries";
    let [reports, usage, activations, audit] =
        [DailyCount::Reports, DailyCount::Usage, DailyCount::Activations, DailyCount::Audit].map(amount);
    let read = |row: &Row<'_>| match counted {
        DailyCount::Reports => row.get(0),
        DailyCount::Usage => row.get(1),
        DailyCount::Activations => row.get(2),
        DailyCount::Audit => row.get(3),
    };
    Ok(tx.query_one(sql, params![license, day(now), reports, usage, activations, audit], read)?)
}

/// Counts audit entries that are not written. Returns whether they are the first ones of the license on this day.
pub(crate) fn skip(tx: &mut Tx<'_>, license: LicenseId, count: i64, now: Timestamp) -> Result<bool> {
    let sql =
        "update daily_counts set skipped = skipped + ?3 where license = ?1 and day = ?2 returning skipped";
    let skipped: i64 = tx.query_one(sql, params![license, day(now), count], |row| row.get(0))?;
    Ok(skipped == count)
}

/// Returns at most `most` days that are over, each with the number of audit entries that were only counted. The caller
/// removes them.
pub(crate) fn over(tx: &mut Tx<'_>, now: Timestamp, most: i64) -> Result<Vec<(LicenseId, i64, i64)>> {
    let sql = "select license, day, skipped from daily_counts where day < ?1 order by day limit ?2";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    Ok(tx.query_all(sql, params![day(now), most], read)?)
}

pub(crate) fn remove(tx: &mut Tx<'_>, license: LicenseId, day: i64) -> Result<()> {
    tx.execute("delete from daily_counts where license = ?1 and day = ?2", params![license, day])?;
    Ok(())
}

const DAY: Seconds = Seconds::days(1);

fn day(now: Timestamp) -> i64 {
    now.seconds().div_euclid(DAY.0)
}

/// Returns the time until the counts begin again.
pub(crate) fn until_tomorrow(now: Timestamp) -> Seconds {
    Seconds(DAY.0 - now.seconds().rem_euclid(DAY.0))
}

/// Returns the moment at which a day began.
pub(crate) fn beginning(day: i64) -> Timestamp {
    Timestamp::from_seconds(day * DAY.0)
}
