//! The statements of backups, restores and migrations.

use kaching_base::{AuditId, Timestamp};
use kaching_db::{Tx, params};
use kaching_license::RootKey;

use crate::{Error, Result, keys::epoch};

/// Returns whether a column's values stay out of backups.
pub(super) fn is_excluded(table: &str, column: &str) -> bool {
    (table, column) == ("roots", "sealed")
}

/// Returns the roots that products pin, the oldest first.
pub(super) fn roots(tx: &mut Tx<'_>) -> Result<Vec<RootKey>> {
    let rows = tx.query_all("select public from roots order by created_at, public", &[], |row| {
        row.get::<[u8; 32]>(0)
    })?;
    rows.into_iter()
        .map(|root| RootKey::from_bytes(root).map_err(|error| Error::stored("root", error)))
        .collect()
}

/// Stores a root's sealed private half in the database.
pub(super) fn store_root(tx: &mut Tx<'_>, root: &RootKey, sealed: &str) -> Result<()> {
    tx.execute("update roots set sealed = ?2 where public = ?1", params![root.as_bytes(), sealed])?;
    Ok(())
}

/// Returns a text that differs once anything was changed, or served: the stored time, and the newest entry.
pub(super) fn state(tx: &mut Tx<'_>) -> Result<String> {
    let mark = tx
        .query_opt("select value from settings where name = 'clock_mark'", &[], |row| row.get::<String>(0))?;
    let newest = tx.query_opt("select id from audit_entries order by id desc limit 1", &[], |row| {
        row.get::<AuditId>(0)
    })?;
    Ok(format!("{} {}", mark.unwrap_or_default(), newest.map_or_else(String::new, |id| id.to_string())))
}

/// Returns the epoch that began with the restore of the backup with this checksum, if nothing else happened in it.
pub(super) fn restored(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<u64>> {
    if !is_used(tx)? || tx.unfinished()?.is_some() {
        return Ok(None);
    }
    let epoch = epoch(tx)?;
    let newest = "select action, body from audit_entries where epoch = ?1 order by id desc limit 2";
    let newest: Vec<(String, String)> =
        tx.query_all(newest, params![i64::try_from(epoch).unwrap_or(i64::MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let is_it = |(action, body): &(String, String)| action == "backup.restore" && body.contains(sha256);
    Ok(matches!(newest.as_slice(), [only] if is_it(only)).then_some(epoch))
}

/// Returns whether the database holds an authority, or a part of one that is copied.
fn is_used(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.has_table("keysets")?)
}

/// Returns the origin of an authority that was migrated into this database.
pub(super) fn moved_from(tx: &mut Tx<'_>) -> Result<Option<String>> {
    if !is_used(tx)? {
        return Ok(None);
    }
    Ok(tx.query_opt("select value from settings where name = 'moved_from'", &[], |row| row.get(0))?)
}

pub(super) fn set_moved_from(tx: &mut Tx<'_>, origin: &str) -> Result<()> {
    tx.execute(
        "insert into settings (name, value) values ('moved_from', ?1)
         on conflict (name) do update set value = excluded.value",
        params![origin],
    )?;
    Ok(())
}

/// A moment as it is written in the name of a file.
pub(super) fn stamp(now: Timestamp) -> String {
    Timestamp::from_seconds(now.seconds()).to_string().replace(['-', ':'], "")
}
