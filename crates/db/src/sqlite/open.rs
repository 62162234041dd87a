use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi};

use super::{
    fault,
    file::{DataFile, Files},
};
use crate::{Error, Result, place};

/// The connections, to be owned by the threads.
pub(super) struct Connections {
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    pub(super) checkpoint: Connection,
    pub(super) file: DataFile,
}

/// Prepared statements that a connection keeps: more than the product has, so that only lists come and go.
const STATEMENTS: usize = 256;

/// The time for which a file held by another process is awaited.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Bytes of a page, in a file that is made: a row that changes alone on its page is read, logged and moved with all of
/// it.
const PAGE: u32 = 2048;

/// KiB of pages that a connection keeps. A writer's SQLite goes through all of them at the end of a transaction in
/// which a tree was balanced: with 20 MB that was a tenth of what an activation costs. A reader fills its own with the
/// first backup or count that it runs, and never gives it back: with 20 MB, four of them kept 90 MB for work that is
/// rare, and lists were no faster.
const CACHE: u32 = 4000;

/// The log may keep this many bytes on disk after it was moved into the file.
const LOG_BYTES: u32 = 64 << 20;

pub(super) fn connections(path: &Path, readers: usize, max_bytes: Option<u64>) -> Result<Connections> {
    let explained = |error: rusqlite::Error| match fault::meaning("open", error) {
        Error::Unavailable(reason) => Error::Unavailable(format!("{}: {reason}", path.display())),
        Error::Corrupt(reason) => Error::Corrupt(format!("{}: {reason}", path.display())),
        other => other,
    };
    let mut files = Files::lock();
    // The writer comes first: it makes the file, and the log that a reader cannot make.
    let writer = writer(path, max_bytes).map_err(explained)?;
    let checkpoint = writing(path).map_err(explained)?;
    let readers = (0..readers).map(|_| reader(path)).collect::<rusqlite::Result<_>>().map_err(explained)?;
    let file = files.of(path).map_err(|e| Error::Unavailable(format!("{}: {e}", path.display())))?;
    Ok(Connections { writer, readers, checkpoint, file })
}

fn writer(path: &Path, max_bytes: Option<u64>) -> rusqlite::Result<Connection> {
    let connection = writing(path)?;
    // Asks for the write lock and reads the schema: a file that is no database, is damaged at its root, is held by
    // another process or cannot be written says so here.
    connection.execute_batch("begin immediate; select count(*) from sqlite_schema; rollback")?;
    if let Some(bytes) = max_bytes {
        let page: i64 = connection.query_row("pragma page_size", [], |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
        connection.query_row(&format!("pragma max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    Ok(connection)
}

fn writing(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Says nothing to a file that has pages already.
    connection.execute_batch(&format!("pragma page_size = {PAGE}"))?;
    // A file system without shared memory stays with another mode, in which readers and the writer shut each other out.
    let mode: String = connection.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode != "wal" {
        let reason = "its file system cannot share memory between connections; use a local disk".to_owned();
        return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), Some(reason)));
    }
    // Never checkpoint inside a commit: the checkpoint thread does it. What undoes a savepoint is of no use after a
    // crash: it needs no file.
    connection.execute_batch(&format!(
        "pragma synchronous = full;
         pragma foreign_keys = on;
         pragma trusted_schema = off;
         pragma temp_store = memory;
         pragma wal_autocheckpoint = 0;
         pragma journal_size_limit = {LOG_BYTES};
         pragma cache_size = -{CACHE};"
    ))?;
    place::teach(&connection)?;
    keep_statements(&connection)?;
    Ok(connection)
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(&format!(
        "pragma query_only = on;
         pragma trusted_schema = off;
         pragma cache_size = -{CACHE};"
    ))?;
    place::teach(&connection)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Prepares each statement once: a plan that may depend on the values is made again for each of them.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_file_keeps_the_pages_that_it_was_made_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let older = Connection::open(path("older.db")).unwrap();
        older.execute_batch("pragma page_size = 4096; create table a (n integer) strict").unwrap();
        drop(older);
        for (name, bytes) in [("older.db", 4096), ("new.db", PAGE)] {
            let Connections { writer, readers, .. } = connections(&path(name), 1, None).unwrap();
            writer.execute_batch("create table b (n integer) strict").unwrap();
            for connection in readers.iter().chain([&writer]) {
                let page: u32 = connection.query_row("pragma page_size", [], |row| row.get(0)).unwrap();
                assert_eq!(page, bytes, "{name}");
            }
        }
    }

    #[test]
    fn a_statement_is_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let Connections { writer, readers, .. } = connections(&folder.path().join("x.db"), 1, None).unwrap();
        writer
            .execute_batch(
                "create table a (id blob primary key, n integer) strict; insert into a values (x'00', 1);
                 create table b (id blob primary key, n integer) strict; insert into b values (x'00', 1);",
            )
            .unwrap();
        for connection in readers.iter().chain([&writer]) {
            let join =
                || connection.prepare_cached("select a.n from a, b where a.id = ?1 and b.id = ?2").unwrap();
            for _ in 0..3 {
                join().query_row([[0_u8], [0_u8]], |row| row.get::<_, i64>(0)).unwrap();
            }
            assert_eq!(join().get_status(StatementStatus::RePrepare), 0);
        }
    }
}
