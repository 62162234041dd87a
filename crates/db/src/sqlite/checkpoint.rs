use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;

/// Moves the write-ahead log into the file while the writer goes on writing.
pub(super) struct Checkpoint {
    connection: Connection,
    tail: Tail,
}

/// Asks the writer to move the little that was written during a checkpoint, between two of its transactions: only
/// when nothing is left over does the log start again from its beginning.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<AtomicBool>);

/// Pages of 4 KiB that the log may hold beyond what is moved before the writer is asked to help: 16 MiB.
const LONG: i64 = 4096;

/// Says when the next checkpoint is due; owned by the writer.
pub(super) struct Pace {
    log: PathBuf,
    due: Sender<()>,
    commits: u32,
    length: u64,
}

/// Commits between two checkpoints: some 4 MiB of log at 128 rows a commit.
const COMMITS: u32 = 256;

/// Growth of the log's file that makes one due before: large commits.
const GROWTH: u64 = 8 << 20;

/// Commits between two looks at the file.
const LOOK: u32 = 16;

impl Pace {
    pub(super) fn new(database: &Path, due: Sender<()>) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        Self { log: log.into(), due, commits: 0, length: 0 }
    }

    /// Called after each commit.
    pub(super) fn committed(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS || (self.commits.is_multiple_of(LOOK) && self.grown()) {
            self.commits = 0;
            // One that is still at work will be asked again.
            let _ = self.due.try_send(());
        }
    }

    fn grown(&mut self) -> bool {
        let length = std::fs::metadata(&self.log).map_or(0, |file| file.len());
        let grown = length > self.length + GROWTH;
        if grown || length < self.length {
            self.length = length;
        }
        grown
    }
}

impl Checkpoint {
    pub(super) fn new(connection: Connection, tail: Tail) -> Self {
        Self { connection, tail }
    }

    /// Works whenever the writer says that it is due, and ends with the writer.
    pub(super) fn run(self, due: &Receiver<()>) {
        for () in due {
            match passive(&self.connection) {
                Ok((log, moved)) if log > LONG && moved < log => self.tail.0.store(true, Ordering::Relaxed),
                Ok(_) => {}
                // Nothing is lost by it: the log stays, and is tried again.
                Err(error) => tracing::warn!(%error, "a checkpoint failed; the log keeps growing"),
            }
        }
    }
}

impl Tail {
    /// Called by the writer before a transaction.
    pub(super) fn finish(&self, connection: &Connection) {
        if self.0.load(Ordering::Relaxed) {
            self.0.store(false, Ordering::Relaxed);
            if let Err(error) = passive(connection) {
                tracing::warn!(%error, "a checkpoint failed; the log keeps growing");
            }
        }
    }
}

/// Pages in the log, and how many of them are in the file.
fn passive(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    connection
        .prepare_cached("pragma wal_checkpoint(passive)")?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
