use kaching_base::{ActivationId, Timestamp};
use kaching_db::{Json, Sql, Tx, params};

use super::{Increment, UsageReport};
use crate::Result;

/// The key of a row of the inbox: activation, generation and number.
pub(super) type InboxKey = (ActivationId, i64, i64);

/// A row of the inbox.
pub(super) struct InboxRow {
    pub(super) activation: ActivationId,
    pub(super) generation: i64,
    pub(super) number: i64,
    /// JSON.
    pub(super) increments: String,
    pub(super) received_at: Timestamp,
}

/// Rows of one step of the roll-up.
pub(super) const STEP: i64 = 200;
/// Increments that one statement inserts; each has six values.
const INCREMENTS: usize = 1000;

/// Returns the increments that an earlier copy of this heartbeat has left, while they wait for the roll-up.
pub(super) fn waiting(tx: &mut Tx<'_>, report: &UsageReport) -> Result<Vec<Increment>> {
    let sql = "select increments from usage_inbox where activation = ?1 and generation = ?2 and number = ?3 for update";
    let key = params![report.activation, report.generation, report.number];
    let found = tx.query_opt(sql, key, |row| row.get::<Json<Vec<Increment>>>(0))?;
    Ok(found.map(|json| json.0).unwrap_or_default())
}

/// Writes the rows of these heartbeats, of which no two have one key; a row that is there is replaced.
pub(super) fn insert_all<'r>(
    tx: &mut Tx<'_>,
    reports: impl Iterator<Item = &'r UsageReport>,
    now: Timestamp,
) -> Result<()> {
    let mut sql =
        Sql::new("insert into usage_inbox (activation, generation, number, increments, received_at) values ");
    let mut row = "(?, ?, ?, ?, ?)";
    for report in reports {
        let UsageReport { activation, generation, number, increments, .. } = report;
        sql.add(row, params![activation, generation, number, Json(increments), now]);
        row = ", (?, ?, ?, ?, ?)";
    }
    if sql.params().is_empty() {
        return Ok(());
    }
    sql.push(
        " on conflict (activation, generation, number) do update set increments = excluded.increments,
                received_at = excluded.received_at",
    );
    tx.execute(&sql, sql.params())?;
    Ok(())
}

/// Whether a row waits behind this key.
pub(super) fn is_waiting(tx: &mut Tx<'_>, after: InboxKey) -> Result<bool> {
    let (activation, generation, number) = after;
    let sql = "select 1 from usage_inbox where (activation, generation, number) > (?1, ?2, ?3) limit 1";
    let found = tx.query_opt(sql, params![activation, generation, number], |row| row.get::<i64>(0))?;
    Ok(found.is_some())
}

/// Locks the next rows behind this key that no other server has locked.
pub(super) fn lock_next(tx: &mut Tx<'_>, after: InboxKey) -> Result<Vec<InboxRow>> {
    let (activation, generation, number) = after;
    let sql = "select activation, generation, number, increments, received_at from usage_inbox
               where (activation, generation, number) > (?1, ?2, ?3)
               order by activation, generation, number limit ?4 for update skip locked";
    Ok(tx.query_all(sql, params![activation, generation, number, STEP], |row| {
        Ok(InboxRow {
            activation: row.get(0)?,
            generation: row.get(1)?,
            number: row.get(2)?,
            increments: row.get(3)?,
            received_at: row.get(4)?,
        })
    })?)
}

/// Adds increments to the reports of an activation; one with a `seq` that is there changes nothing.
pub(super) fn report(
    tx: &mut Tx<'_>,
    activation: ActivationId,
    increments: &[Increment],
    received_at: Timestamp,
) -> Result<()> {
    for some in increments.chunks(INCREMENTS) {
        let mut sql =
            Sql::new("insert into usage_reports (activation, meter, seq, amount, at, received_at) values ");
        let mut row = "(?, ?, ?, ?, ?, ?)";
        for Increment { meter, seq, amount, at } in some {
            sql.add(row, params![activation, meter, seq, amount, at, received_at]);
            row = ", (?, ?, ?, ?, ?, ?)";
        }
        sql.push(" on conflict (activation, meter, seq) do nothing");
        tx.execute(&sql, sql.params())?;
    }
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, row: &InboxRow) -> Result<()> {
    let sql = "delete from usage_inbox where activation = ?1 and generation = ?2 and number = ?3";
    tx.execute(sql, params![row.activation, row.generation, row.number])?;
    Ok(())
}
