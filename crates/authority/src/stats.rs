//! The number of licenses in each state, and of those that end.

use kaching_base::{CLOCK_TOLERANCE, Seconds};
use kaching_db::{Param, Sql, Tx, params};

use crate::{Authority, Error, Result, Sight, licenses::sql::range::earliest_in_grace, sight::AliasedTable};

/// The number of licenses in each state; deleted ones are not counted. Active, expired, suspended, revoked and not started are
/// the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stats {
    pub total: u64,
    /// In force, grace included.
    pub active: u64,
    /// Past the end date and its grace.
    pub expired: u64,
    /// Active, with an end date in the next 30 days.
    pub expiring_soon: u64,
    pub suspended: u64,
    pub revoked: u64,
    /// Their start is still to come.
    pub not_started: u64,
    /// Installations that hold a slot.
    pub activations: u64,
}

/// The number of licenses other than trials that end, and that nobody has renewed: a renewal moves the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndingLicenses {
    /// With an end date in the next 30 days.
    pub(crate) active: i64,
    /// Past the end date, and still usable.
    pub(crate) in_grace: i64,
}

/// The time that "soon" means.
const SOON: Seconds = Seconds::days(30);

impl Authority {
    /// Counts the licenses and activations in sight.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub async fn stats(&self, sight: &Sight) -> Result<Stats> {
        self.read_in_sight("stats.count", sight, |tx, now, sight| {
            // One walk over one index.
            let mut sql = Sql::new(
                "select count(*), cast(coalesce(sum(l.active), 0) as bigint) from licenses l where 1 = 1",
            );
            sight.limit(&mut sql, AliasedTable::Licenses);
            let (all, in_use): (i64, i64) =
                tx.query_one(&sql, sql.params(), |row| Ok((row.get(0)?, row.get(1)?)))?;
            let all = all.unsigned_abs();
            // Only revoked licenses are deleted.
            let deleted = count(tx, sight, "l.archived_at is not null", &[])?;
            let suspended = count(tx, sight, "l.status = 'suspended'", &[])?;
            let revoked = count(tx, sight, "l.status = 'revoked'", &[])?;
            let waiting =
                count(tx, sight, "l.status = 'active' and l.starts_at > ?", params![now + CLOCK_TOLERANCE])?;
            let ended = count(tx, sight, "l.status = 'active' and l.ends_at <= ?", params![now])?;
            let soon = "l.status = 'active' and l.expires_sort > ? and l.expires_sort <= ?";
            Ok(Stats {
                total: all - deleted,
                active: all.saturating_sub(suspended + revoked + waiting + ended),
                expired: ended,
                expiring_soon: count(tx, sight, soon, params![now, now + SOON])?,
                suspended,
                revoked: revoked.saturating_sub(deleted),
                not_started: waiting,
                activations: in_use.unsigned_abs(),
            })
        })
        .await
    }
}

impl Authority {
    /// Counts the licenses that end without a renewal, for the metrics. Of a million licenses of a year, that is a walk over
    /// eighty thousand entries of an index: work for every ten minutes, not for each scrape.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub async fn count_ending(&self) -> Result<()> {
        let ending = self.read("licenses.count_ending", |tx, now| {
            let since = earliest_in_grace(tx, now)?;
            tx.query_one(ENDING, params![since, now, now + SOON], |row| {
                Ok(EndingLicenses { active: row.get(0)?, in_grace: row.get(1)? })
            })
            .map_err(Error::from)
        });
        self.metrics.ending(&ending.await?);
        Ok(())
    }
}

/// An index has exactly the licenses other than trials, with these columns. `|| ''` hides the others, by which each license
/// would have to be read.
const ENDING: &str = "select count(case when expires_sort > ?2 then 1 end),
                             count(case when expires_sort <= ?2 and ends_at > ?2 then 1 end)
                      from licenses
                      where license_type <> 'trial' and expires_sort > ?1 and expires_sort <= ?3 and status || '' = 'active'";

/// Counts the licenses `l` in sight that meet a condition.
fn count(tx: &mut Tx<'_>, sight: &Sight, condition: &'static str, params: &[Param<'_>]) -> Result<u64> {
    let mut sql = Sql::new("select count(*) from licenses l where ");
    sql.add(condition, params);
    sight.limit(&mut sql, AliasedTable::Licenses);
    let count: i64 = tx.query_one(&sql, sql.params(), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
