use kaching_base::{ActivationId, Timestamp};
use kaching_db::{self as db, Json, Row, Tx, params};
use serde_json::Value;

use crate::Result;

/// What was counted of one activation and action.
pub(crate) struct Counted {
    pub(crate) activation: ActivationId,
    pub(crate) action: String,
    pub(crate) times: i64,
    pub(crate) first: Option<Value>,
    pub(crate) last: Option<Value>,
}

/// Rows of one transaction.
const MOST: i64 = 200;

/// Whether the last entry was written after this moment, or something was counted since, which is written first.
pub(crate) fn is_recent(tx: &mut Tx<'_>, id: ActivationId, action: &str, after: Timestamp) -> Result<bool> {
    let sql =
        "select written_at > ?3 or times > 0 from repeated_entries where activation = ?1 and action = ?2
               for update";
    Ok(tx.query_opt(sql, params![id, action, after], |row| row.get(0))?.unwrap_or(false))
}

/// An entry was written: what comes now is counted anew.
pub(crate) fn begin(tx: &mut Tx<'_>, id: ActivationId, action: &str, now: Timestamp) -> Result<()> {
    let sql = "insert into repeated_entries (activation, action, written_at, times) values (?1, ?2, ?3, 0)
               on conflict (activation, action) do update
                 set written_at = excluded.written_at, times = 0, first = null, last = null";
    tx.execute(sql, params![id, action, now])?;
    Ok(())
}

pub(crate) fn count(tx: &mut Tx<'_>, id: ActivationId, action: &str, change: &Value) -> Result<()> {
    let sql = "update repeated_entries set times = times + 1, first = coalesce(first, ?3), last = ?3
               where activation = ?1 and action = ?2";
    tx.execute(sql, params![id, action, Json(change)])?;
    Ok(())
}

pub(crate) fn is_any_due(tx: &mut Tx<'_>, until: Timestamp) -> Result<bool> {
    let sql = "select exists (select 1 from repeated_entries where written_at <= ?1)";
    Ok(tx.query_one(sql, params![until], |row| row.get(0))?)
}

/// Those whose last entry was written until this moment, at most so many, locked.
pub(crate) fn lock_due(tx: &mut Tx<'_>, until: Timestamp) -> Result<Vec<Counted>> {
    let sql = "select activation, action, times, first, last from repeated_entries where written_at <= ?1
               order by activation, action limit ?2 for update";
    Ok(tx.query_all(sql, params![until, MOST], read)?)
}

fn read(row: &Row<'_>) -> db::Result<Counted> {
    let json = |at| Ok::<_, db::Error>(row.get::<Option<Json<Value>>>(at)?.map(|json| json.0));
    Ok(Counted {
        activation: row.get(0)?,
        action: row.get(1)?,
        times: row.get(2)?,
        first: json(3)?,
        last: json(4)?,
    })
}

pub(crate) fn end(tx: &mut Tx<'_>, counted: &Counted) -> Result<()> {
    let sql = "delete from repeated_entries where activation = ?1 and action = ?2";
    tx.execute(sql, params![counted.activation, counted.action.as_str()])?;
    Ok(())
}
