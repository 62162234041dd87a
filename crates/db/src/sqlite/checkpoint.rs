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
use crate::{Error, Metrics};

/// Moves the write-ahead log into the file while the writer continues to write.
pub(super) struct Checkpoint {
    connection: Connection,
    file: Arc<DataFile>,
    fatal: watch::Sender<Option<Error>>,
    tail: Tail,
    metrics: Metrics,
    /// The size of a page in bytes.
    page: u64,
    /// Whether the warning of a long reader was logged.
    warned: bool,
}

/// The progress of moving the log, in pages.
#[derive(Clone, Copy)]
struct LogProgress {
    log: i64,
    moved: i64,
}

/// Asks the writer to move the little that was written during a checkpoint, between two of its transactions: only
/// when nothing is left over does the log start again from its beginning.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<AtomicBool>);

/// Pages in the log at which the writer is asked to help: 8 MiB of those that a new file has.
const LONG: i64 = 4096;

/// Pages of the log held back by a reader from which a warning is logged: 64 MiB of those that a new file has.
const HELD_BACK: i64 = 32_768;

/// The time for which the writer waits for readers that still use the log.
const READERS: Duration = Duration::from_millis(20);

/// Decides when the next checkpoint is due; owned by the writer.
pub(super) struct CheckpointSchedule {
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

impl CheckpointSchedule {
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
        metrics: Metrics,
    ) -> rusqlite::Result<Self> {
        let page: i64 = connection.query_row("pragma page_size", [], |row| row.get(0))?;
        Ok(Self { connection, file, fatal, tail, metrics, page: page.unsigned_abs(), warned: false })
    }

    /// Works whenever the writer says that it is due, and ends with the writer.
    pub(super) fn run(mut self, due: &Receiver<()>) {
        for () in due {
            // The writer has been asked and has not come to it: at work now, this would only be in its way.
            if self.tail.asked() {
                continue;
            }
            let mut passed = self.pass();
            // A second pass moves the pages written in the meantime, so that little is left for the writer.
            if passed.is_some_and(|passed| passed.log > LONG) {
                passed = self.pass();
                // If more than that is left, a long reader is in the way, and each wait of the writer would be useless.
                if passed.is_some_and(|passed| passed.left() <= LONG) {
                    self.tail.ask();
                }
            }
            if let Some(passed) = passed {
                self.report(passed);
            }
        }
    }

    /// Records the length of the log, and warns once if a reader keeps it from starting again.
    fn report(&mut self, passed: LogProgress) {
        let bytes = |pages: i64| pages.unsigned_abs() * self.page;
        self.metrics.log(bytes(passed.log), bytes(passed.left()));
        let held_back = passed.left() > HELD_BACK;
        if held_back && !self.warned {
            let mib = bytes(passed.log) >> 20;
            tracing::warn!(
                mib,
                "a reader that stays keeps the write-ahead log from starting again, and it grows with every change: \
                 look for a copy of the database file that is being made, or a shell that has it open with a \
                 transaction, and end it (fuser and lsof name who has the file open)"
            );
        }
        self.warned = held_back;
    }

    /// Moves what there is and waits for the disk, which SQLite leaves to the last one, the writer. How far the log
    /// is moved, unless it failed.
    fn pass(&self) -> Option<LogProgress> {
        let passed = match checkpoint(&self.connection, "pragma wal_checkpoint(passive)") {
            Ok(passed) => passed,
            // Nothing is lost by it: the log stays, and is tried again.
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the log keeps growing");
                return None;
            }
        };
        if let Err(error) = self.file.sync() {
            tracing::error!(%error, "the disk did not keep a checkpoint: the process must end");
            // Another sync might succeed without them, and the log start again. The next start moves all of it again.
            self.fatal.send_replace(Some(Error::Unavailable(error.to_string())));
            return None;
        }
        Some(passed)
    }
}

impl LogProgress {
    /// Pages that are not moved yet.
    fn left(self) -> i64 {
        (self.log - self.moved).max(0)
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
            .and_then(|()| checkpoint(connection, "pragma wal_checkpoint(restart)").map(drop));
        if let Err(error) = connection.busy_timeout(super::open::BUSY).and(finished) {
            tracing::warn!(%error, "a checkpoint failed; the log keeps growing");
        }
        // If a long reader was in the way, the next checkpoint asks again.
        self.0.store(false, Ordering::Release);
    }
}

/// Moves what it can.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<LogProgress> {
    let read = |row: &rusqlite::Row<'_>| Ok(LogProgress { log: row.get(1)?, moved: row.get(2)? });
    connection.prepare_cached(sql)?.query_row([], read)
}
