use kaching_base::{ActivationId, LicenseId, Seconds, Timestamp};
use kaching_db::{Tx, params};

use crate::{Result, op::Changed};

/// The position up to which a process has read the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangePosition {
    /// The newest number.
    pub(crate) number: i64,
    /// Restoring the database raises it.
    pub(crate) epoch: i64,
}

/// A change that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommittedChange {
    pub(crate) number: i64,
    pub(crate) license: LicenseId,
    pub(crate) activation: Option<ActivationId>,
    pub(crate) at: Timestamp,
}

/// Rows that are read together.
pub(crate) const MOST: usize = 1000;
/// A process that has read nothing for longer finds a gap, and all of its listeners take a new snapshot.
const RETENTION: Seconds = Seconds(3600);

/// Numbers the changes of a transaction. It comes last in the transaction, since every other transaction with a change
/// waits here for the commit: so numbers become visible in their order and without a gap.
pub(crate) fn append(tx: &mut Tx<'_>, changes: &[Changed], now: Timestamp) -> Result<()> {
    let taken = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    if taken == 0 {
        return Ok(());
    }
    let sql = "update change_numbers set number = number + ?1 returning number";
    let last: i64 = tx.query_one(sql, params![taken], |row| row.get(0))?;
    for (change, number) in changes.iter().zip(last - taken + 1..) {
        let Changed { license, activation, revision } = *change;
        tx.execute(
            "insert into license_changes (number, license, activation, revision, at) values (?1, ?2, ?3, ?4, ?5)",
            params![number, license, activation, revision, now],
        )?;
    }
    Ok(())
}

/// Returns the position of the newest change.
pub(crate) fn newest(tx: &mut Tx<'_>) -> Result<ChangePosition> {
    let sql = "select c.number, s.value from change_numbers c, settings s where s.name = 'epoch'";
    let (number, epoch) = tx.query_one(sql, &[], |row| Ok((row.get(0)?, row.get::<String>(1)?)))?;
    Ok(ChangePosition { number, epoch: epoch.parse().unwrap_or(0) })
}

/// Returns the changes above this number, in the order of their commits.
pub(crate) fn above(tx: &mut Tx<'_>, number: i64) -> Result<Vec<CommittedChange>> {
    let sql = "select number, license, activation, at from license_changes where number > ?1
               order by number limit 1000";
    Ok(tx.query_all(sql, params![number], |row| {
        Ok(CommittedChange {
            number: row.get(0)?,
            license: row.get(1)?,
            activation: row.get(2)?,
            at: row.get(3)?,
        })
    })?)
}

/// Deletes the oldest changes where their time is over, a bounded number. Returns how many.
pub(crate) fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    Ok(tx.execute(
        "delete from license_changes where at < ?1 and number in
           (select number from license_changes order by number limit 1000)",
        params![now - RETENTION],
    )?)
}
