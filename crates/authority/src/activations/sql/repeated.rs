use kaching_base::{ActivationId, Timestamp};
use kaching_db::{self as db, Json, Row, Tx, params};
use serde_json::Value;

use crate::Result;

/// The entries of one activation and action that were counted rather than written.
pub(crate) struct RepeatedEntry {
    pub(crate) activation: ActivationId,
    pub(crate) action: String,
    pub(crate) times: i64,
    pub(crate) first: Option<Value>,
    pub(crate) last: Option<Value>,
}

/// Rows of one transaction.
const MOST: i64 = 200;

/// Counts a change where the last entry is younger than `after`, or other changes are counted. Returns whether it did.
pub(crate) fn count_recent(
    tx: &mut Tx<'_>,
    id: ActivationId,
    action: &str,
    after: Timestamp,
    change: &Value,
) -> Result<bool> {
    let sql = "update repeated_entries set times = times + 1, first = coalesce(first, ?4), last = ?4
               where activation = ?1 and action = ?2 and (written_at > ?3 or times > 0)";
    Ok(tx.execute(sql, params![id, action, after, Json(change)])? > 0)
}

/// Starts a new hour, after an entry was written.
pub(crate) fn begin(tx: &mut Tx<'_>, id: ActivationId, action: &str, now: Timestamp) -> Result<()> {
    let sql = "insert into repeated_entries (activation, action, written_at, times) values (?1, ?2, ?3, 0)
               on conflict (activation, action) do update
                 set written_at = excluded.written_at, times = 0, first = null, last = null";
    tx.execute(sql, params![id, action, now])?;
    Ok(())
}

/// Returns some of those whose hour is over: their last entry was written at this moment or before.
pub(crate) fn due(tx: &mut Tx<'_>, until: Timestamp) -> Result<Vec<(ActivationId, String)>> {
    let sql = "select activation, action from repeated_entries where written_at <= ?1
               order by activation, action limit ?2";
    Ok(tx.query_all(sql, params![until, MOST], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Locks a row, if its last entry was written at this moment or before.
pub(crate) fn lock_due(
    tx: &mut Tx<'_>,
    id: ActivationId,
    action: &str,
    until: Timestamp,
) -> Result<Option<RepeatedEntry>> {
    let sql = "select activation, action, times, first, last from repeated_entries
               where activation = ?1 and action = ?2 and written_at <= ?3 for update";
    Ok(tx.query_opt(sql, params![id, action, until], read)?)
}

/// Begins the hour of a row again, with what was counted.
pub(crate) fn postpone(tx: &mut Tx<'_>, id: ActivationId, action: &str, now: Timestamp) -> Result<()> {
    let sql = "update repeated_entries set written_at = ?3 where activation = ?1 and action = ?2";
    tx.execute(sql, params![id, action, now])?;
    Ok(())
}

fn read(row: &Row<'_>) -> db::Result<RepeatedEntry> {
    let json = |at| Ok::<_, db::Error>(row.get::<Option<Json<Value>>>(at)?.map(|json| json.0));
    Ok(RepeatedEntry {
        activation: row.get(0)?,
        action: row.get(1)?,
        times: row.get(2)?,
        first: json(3)?,
        last: json(4)?,
    })
}

/// Deletes a row without counted changes.
pub(crate) fn end(tx: &mut Tx<'_>, entry: &RepeatedEntry) -> Result<()> {
    let sql = "delete from repeated_entries where activation = ?1 and action = ?2";
    tx.execute(sql, params![entry.activation, entry.action.as_str()])?;
    Ok(())
}
