//! Entries of what a product can repeat as often as it likes: one an hour for each activation and action.
//!
//! The first is written at once. What comes within an hour of the last entry is counted, and one entry tells of the
//! first, the last and how many there were.

use kaching_base::{ActivationId, Seconds, Timestamp};
use kaching_db::{Json, Tx, params};
use serde_json::{Value, json};

use crate::{Authority, Cx, Op, Result, audit::Entry};

const HOUR: Seconds = Seconds(3600);

/// Rows of one transaction.
const MOST: i64 = 200;

/// Appends an entry about an activation, or counts it for the next one. Its row is locked by the caller.
pub(super) fn audit(
    tx: &mut Tx<'_>,
    op: &mut Op,
    id: ActivationId,
    action: &'static str,
    change: Value,
    entry: impl FnOnce(Value) -> Entry,
) -> Result<()> {
    if !is_recent(tx, id, action, op.now)? {
        keep(tx, id, action, op.now)?;
        op.on(action, id);
        return op.audit(tx, entry(change));
    }
    let mut change = change;
    change["at"] = json!(op.now);
    let sql = "update repeated_entries set times = times + 1, first = coalesce(first, ?3), last = ?3
               where activation = ?1 and action = ?2";
    tx.execute(sql, params![id, action, Json(&change)])?;
    Ok(())
}

fn is_recent(tx: &mut Tx<'_>, id: ActivationId, action: &str, now: Timestamp) -> Result<bool> {
    // What was counted is written by the job before a new hour begins for it.
    let sql =
        "select written_at > ?3 or times > 0 from repeated_entries where activation = ?1 and action = ?2
               for update";
    Ok(tx.query_opt(sql, params![id, action, now - HOUR], |row| row.get(0))?.unwrap_or(false))
}

fn keep(tx: &mut Tx<'_>, id: ActivationId, action: &str, now: Timestamp) -> Result<()> {
    let sql = "insert into repeated_entries (activation, action, written_at, times) values (?1, ?2, ?3, 0)
               on conflict (activation, action) do update set written_at = excluded.written_at";
    tx.execute(sql, params![id, action, now])?;
    Ok(())
}

/// What was counted of one activation and action.
struct Counted {
    activation: ActivationId,
    action: String,
    times: i64,
    first: Option<Value>,
    last: Option<Value>,
}

/// Writes the entries of those whose hour is over. How many rows were looked at.
pub(crate) async fn write_repeated(authority: &Authority) -> Result<u64> {
    let due = authority.read("activations.repeated_due", |tx, now| {
        let sql = "select count(*) from (select 1 from repeated_entries where written_at <= ?1 limit 1) due";
        Ok(tx.query_one(sql, params![now - HOUR], |row| row.get::<i64>(0))?)
    });
    if due.await? == 0 {
        return Ok(0);
    }
    authority.write("activations.write_repeated", Cx::system("activations.write_repeated"), write_due).await
}

fn write_due(tx: &mut Tx<'_>, op: &mut Op) -> Result<u64> {
    let sql = "select activation, action, times, first, last from repeated_entries where written_at <= ?1
               order by activation, action limit ?2 for update";
    let due = tx.query_all(sql, params![op.now - HOUR, MOST], |row| {
        let json = |at| Ok::<_, kaching_db::Error>(row.get::<Option<Json<Value>>>(at)?.map(|json| json.0));
        Ok(Counted {
            activation: row.get(0)?,
            action: row.get(1)?,
            times: row.get(2)?,
            first: json(3)?,
            last: json(4)?,
        })
    })?;
    let looked_at = due.len() as u64;
    for Counted { activation, action, times, first, last } in due {
        if times == 0 {
            let sql = "delete from repeated_entries where activation = ?1 and action = ?2";
            tx.execute(sql, params![activation, action])?;
            continue;
        }
        let change = json!({ "times": times, "first": first, "last": last });
        op.append(tx, &action, Some(activation.to_string()), Entry::ok(change))?;
        let sql = "update repeated_entries set written_at = ?3, times = 0, first = null, last = null
                   where activation = ?1 and action = ?2";
        tx.execute(sql, params![activation, action, op.now])?;
    }
    Ok(looked_at)
}
