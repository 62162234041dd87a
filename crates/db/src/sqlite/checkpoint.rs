use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::watch;

use super::file::DataFile;
use crate::Error;

/// Moves the write-ahead log into the file while the writer goes on writing.
pub(super) struct Checkpoint {
    connection: Connection,
    file: Arc<DataFile>,
    fatal: watch::Sender<Option<Error>>,
    tail: Tail,
}

/// Asks the writer to move the little that was written during a checkpoint, between two of its transactions: only
/// when nothing is left over does the log start again from its beginning.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<AtomicBool>);

/// Pages in the log at which the writer is asked to help: 8 MiB of those that a new file has.
const LONG: i64 = 4096;

/// How long the writer waits for readers that still use the log.
const READERS: Duration = Duration::from_millis(20);

/// Says when the next checkpoint is due; owned by the writer.
pub(super) struct Pace {
    log: PathBuf,
    due: Sender<()>,
    commits: u32,
    length: u64,
}

/// Commits between two checkpoints: some 6,000 pages of log where two dozen rows share a commit, each on its own page.
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
    pub(super) fn new(
        connection: Connection,
        file: Arc<DataFile>,
        fatal: watch::Sender<Option<Error>>,
        tail: Tail,
    ) -> Self {
        Self { connection, file, fatal, tail }
    }

    /// Works whenever the writer says that it is due, and ends with the writer.
    pub(super) fn run(self, due: &Receiver<()>) {
        for () in due {
            // The writer has been asked and has not come to it: at work now, this would only be in its way.
            if self.tail.asked() {
                continue;
            }
            match self.pass() {
                // What was written in the meantime is moved as well, so that little is left for the writer.
                Some(pages) if pages > LONG && self.pass().is_some() => self.tail.ask(),
                _ => {}
            }
        }
    }

    /// Moves what there is and waits for the disk, which SQLite leaves to the last one, the writer. How many pages the
    /// log has, unless it failed.
    fn pass(&self) -> Option<i64> {
        let pages = match checkpoint(&self.connection, "pragma wal_checkpoint(passive)") {
            Ok(pages) => pages,
            // Nothing is lost by it: the log stays, and is tried again.
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the log keeps growing");
                return None;
            }
        };
        if let Err(error) = self.file.sync() {
            tracing::error!(%error, "the disk did not keep a checkpoint: the process must end");
            // Another sync might succeed without them, and the log start again. A start moves all of it anew.
            self.fatal.send_replace(Some(Error::Unavailable(error.to_string())));
            return None;
        }
        Some(pages)
    }
}

impl Tail {
    /// Has the log start again before the next transaction: on a full disk its own pages are the room there is.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Called by the writer before a transaction.
    pub(super) fn finish(&self, connection: &Connection) {
        if !self.asked() {
            return;
        }
        // Readers are short: the log can start again as soon as those at work have ended.
        let finished = connection
            .busy_timeout(READERS)
            .and_then(|()| checkpoint(connection, "pragma wal_checkpoint(restart)"));
        if let Err(error) = connection.busy_timeout(super::open::BUSY).and(finished) {
            tracing::warn!(%error, "a checkpoint failed; the log keeps growing");
        }
        // Where a long reader was in the way, the next checkpoint asks again.
        self.0.store(false, Ordering::Release);
    }
}

/// Moves what it can, and returns how many pages the log has.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.prepare_cached(sql)?.query_row([], |row| row.get(1))
}
