use kaching_authority::backup::BackupProgress;

use crate::output::show_progress;

/// The progress of a backup or restore, shown on a line of the terminal.
pub(crate) struct Progress {
    verb: &'static str,
    /// The bytes at the last update of the line.
    shown_at: u64,
}

/// The bytes between two updates of the line.
const STEP: u64 = 4 << 20;

impl Progress {
    pub(crate) fn new(verb: &'static str) -> Self {
        Self { verb, shown_at: 0 }
    }

    pub(crate) fn show(&mut self, present: &BackupProgress) {
        if present.bytes >= self.shown_at + STEP {
            self.shown_at = present.bytes;
            show_progress(&format!(
                "{} rows {}, {} MiB, now {}",
                present.rows,
                self.verb,
                present.bytes >> 20,
                present.table
            ));
        }
    }

    pub(crate) fn done(&self) {
        show_progress("");
    }
}
