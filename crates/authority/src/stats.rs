//! How many licenses stand how.

use kaching_base::{CLOCK_TOLERANCE, Seconds, Timestamp};
use kaching_db::{Tx, params};

use crate::{Authority, Result};

/// How many licenses stand how; deleted ones are not counted. Active, expired, suspended, revoked and not started are
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

/// What "soon" means.
const SOON: Seconds = Seconds::days(30);

impl Authority {
    /// Counts licenses and activations.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub async fn stats(&self) -> Result<Stats> {
        self.read("stats.count", |tx, now| {
            // One walk over one index.
            let sql = "select count(*), cast(coalesce(sum(active), 0) as bigint) from licenses";
            let (all, in_use): (i64, i64) = tx.query_one(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let all = all.unsigned_abs();
            // Only what is revoked is deleted.
            let deleted = count(tx, "select count(*) from licenses where archived_at is not null", &[])?;
            let suspended = count(tx, "select count(*) from licenses where status = 'suspended'", &[])?;
            let revoked = count(tx, "select count(*) from licenses where status = 'revoked'", &[])?;
            let waiting = count(
                tx,
                "select count(*) from licenses where status = 'active' and starts_at > ?1",
                params![now + CLOCK_TOLERANCE],
            )?;
            let ended = count(
                tx,
                "select count(*) from licenses where status = 'active' and ends_at <= ?1",
                params![now],
            )?;
            Ok(Stats {
                total: all - deleted,
                active: all.saturating_sub(suspended + revoked + waiting + ended),
                expired: ended,
                expiring_soon: soon(tx, now)?,
                suspended,
                revoked: revoked.saturating_sub(deleted),
                not_started: waiting,
                activations: in_use.unsigned_abs(),
            })
        })
        .await
    }
}

fn soon(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    let sql = "select count(*) from licenses
               where status = 'active' and expires_sort > ?1 and expires_sort <= ?2";
    count(tx, sql, params![now, now + SOON])
}

fn count(tx: &mut Tx<'_>, sql: &'static str, params: &[kaching_db::Param<'_>]) -> Result<u64> {
    let count: i64 = tx.query_one(sql, params, |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
