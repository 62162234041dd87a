//! The stored state of the clock.

use kaching_base::Timestamp;
use kaching_db::{Tx, params};

use crate::Result;

/// The newest moment that was stored (1970 before the first), and how often the clock was accepted.
pub(super) fn stored(tx: &mut Tx<'_>) -> Result<(Timestamp, i64)> {
    let newest = setting(tx, "clock_mark")?;
    Ok((Timestamp::from_micros(newest), setting(tx, "clock_accepted")?))
}

fn setting(tx: &mut Tx<'_>, name: &str) -> Result<i64> {
    let sql = "select value from settings where name = ?1";
    let value = tx.query_opt(sql, params![name], |row| row.get::<String>(0))?;
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
}

/// Stores the present moment unless a later one is stored; as [`stored`] afterwards.
pub(super) fn store(tx: &mut Tx<'_>, now: Timestamp) -> Result<(Timestamp, i64)> {
    let (newest, accepted) = stored(tx)?;
    if now > newest {
        set(tx, "clock_mark", now.micros())?;
    }
    Ok((newest.max(now), accepted))
}

/// Goes on from an earlier moment.
pub(super) fn accept(tx: &mut Tx<'_>, now: Timestamp, accepted: i64) -> Result<()> {
    set(tx, "clock_mark", now.micros())?;
    set(tx, "clock_accepted", accepted)
}

fn set(tx: &mut Tx<'_>, name: &str, value: i64) -> Result<()> {
    tx.execute(
        "insert into settings (name, value) values (?1, ?2)
         on conflict (name) do update set value = excluded.value",
        params![name, value.to_string()],
    )?;
    Ok(())
}
