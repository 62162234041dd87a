//! The statements of backups and of what follows a restore.

use kaching_base::{AuditId, Timestamp};
use kaching_db::{Json, Tx, params};
use kaching_license::RootKey;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// Whether a column's values stay out of backups.
pub(super) fn is_kept_back(table: &str, column: &str) -> bool {
    (table, column) == ("roots", "sealed")
}

/// The roots that products pin, the first one first.
pub(super) fn roots(tx: &mut Tx<'_>) -> Result<Vec<RootKey>> {
    let rows = tx.query_all("select public from roots order by created_at, public", &[], |row| {
        row.get::<[u8; 32]>(0)
    })?;
    rows.into_iter()
        .map(|root| RootKey::from_bytes(root).map_err(|error| Error::stored("root", error)))
        .collect()
}

/// Keeps a root's sealed private half in the database.
pub(super) fn keep_root(tx: &mut Tx<'_>, root: &RootKey, sealed: &str) -> Result<()> {
    tx.execute("update roots set sealed = ?2 where public = ?1", params![root.as_bytes(), sealed])?;
    Ok(())
}

pub(super) fn set_epoch(tx: &mut Tx<'_>, epoch: u64) -> Result<()> {
    tx.execute("update settings set value = ?1 where name = 'epoch'", params![epoch.to_string()])?;
    Ok(())
}

/// A text that is another one once anything was changed, or served: the time that was stored, and the newest entry.
pub(super) fn state(tx: &mut Tx<'_>) -> Result<String> {
    let mark = tx
        .query_opt("select value from settings where name = 'clock_mark'", &[], |row| row.get::<String>(0))?;
    let newest = tx.query_opt("select id from audit_entries order by id desc limit 1", &[], |row| {
        row.get::<AuditId>(0)
    })?;
    Ok(format!("{} {}", mark.unwrap_or_default(), newest.map_or_else(String::new, |id| id.to_string())))
}

/// What an authority that was moved here had come from.
pub(super) fn moved_from(tx: &mut Tx<'_>) -> Result<Option<String>> {
    if !tx.tables()?.iter().any(|table| table.name() == "settings") {
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

/// What is known of the backups on the schedule; locked against others who look whether one is due.
pub(super) fn lock_schedule<T: DeserializeOwned + Default>(tx: &mut Tx<'_>) -> Result<T> {
    let none = "insert into settings (name, value) values ('backup', '{}') on conflict (name) do nothing";
    tx.execute(none, &[])?;
    let locked = "select value from settings where name = 'backup' for update";
    Ok(tx.query_one(locked, &[], |row| row.get::<Json<T>>(0))?.0)
}

pub(super) fn schedule<T: DeserializeOwned + Default>(tx: &mut Tx<'_>) -> Result<T> {
    let sql = "select value from settings where name = 'backup'";
    Ok(tx.query_opt(sql, &[], |row| row.get::<Json<T>>(0))?.map(|json| json.0).unwrap_or_default())
}

pub(super) fn keep_schedule<T: Serialize>(tx: &mut Tx<'_>, state: &T) -> Result<()> {
    tx.execute("update settings set value = ?1 where name = 'backup'", params![Json(state)])?;
    Ok(())
}

/// Whose time it is, for the name of a file.
pub(super) fn stamp(now: Timestamp) -> String {
    Timestamp::from_seconds(now.seconds()).to_string().replace(['-', ':'], "")
}
