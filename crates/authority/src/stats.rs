//! The number of licenses in each state.

use kaching_base::{CLOCK_TOLERANCE, Seconds};
use kaching_db::{Param, Sql, Tx, params};

use crate::{Authority, Result, Sight, sight::AliasedTable};

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

/// Counts the licenses `l` in sight that meet a condition.
fn count(tx: &mut Tx<'_>, sight: &Sight, condition: &'static str, params: &[Param<'_>]) -> Result<u64> {
    let mut sql = Sql::new("select count(*) from licenses l where ");
    sql.add(condition, params);
    sight.limit(&mut sql, AliasedTable::Licenses);
    let count: i64 = tx.query_one(&sql, sql.params(), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
