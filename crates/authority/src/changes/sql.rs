use kaching_base::{ActivationId, LicenseId, Seconds, Timestamp};
use kaching_db::{Tx, params};

use crate::{Result, op::Changed};

/// How far a process has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The newest number.
    pub(crate) number: i64,
    /// A database that was restored has another one.
    pub(crate) epoch: i64,
}

/// One change as it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) license: LicenseId,
    pub(crate) activation: Option<ActivationId>,
    pub(crate) at: Timestamp,
}

/// Rows of one look.
pub(crate) const MOST: usize = 1000;
/// A process that heard nothing for longer finds a gap, and everybody looks anew.
const KEPT: Seconds = Seconds(3600);

/// Numbers what a transaction changed; the last thing that it does, because whoever changes something waits here for
/// the one before to commit. That makes numbers come to light in their order, without a gap.
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

/// How far one could read.
pub(crate) fn mark(tx: &mut Tx<'_>) -> Result<Mark> {
    let sql = "select c.number, s.value from change_numbers c, settings s where s.name = 'epoch'";
    let (number, epoch) = tx.query_one(sql, &[], |row| Ok((row.get(0)?, row.get::<String>(1)?)))?;
    Ok(Mark { number, epoch: epoch.parse().unwrap_or(0) })
}

/// The changes above this number, in the order of their commits.
pub(crate) fn above(tx: &mut Tx<'_>, number: i64) -> Result<Vec<Row>> {
    let sql = "select number, license, activation, at from license_changes where number > ?1
               order by number limit 1000";
    Ok(tx.query_all(sql, params![number], |row| {
        Ok(Row { number: row.get(0)?, license: row.get(1)?, activation: row.get(2)?, at: row.get(3)? })
    })?)
}

/// Deletes the oldest where their time is over, a bounded number. How many.
pub(crate) fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    Ok(tx.execute(
        "delete from license_changes where at < ?1 and number in
           (select number from license_changes order by number limit 1000)",
        params![now - KEPT],
    )?)
}
