use std::io::{self, IsTerminal as _, Write as _};

use kaching_authority::backup::Seen;

/// How far it is: a line that changes, on a terminal only.
pub(crate) struct Progress {
    verb: &'static str,
    /// The bytes at which the line was written last.
    shown_at: u64,
    shown: bool,
}

/// Bytes from one line to the next.
const STEP: u64 = 4 << 20;

impl Progress {
    pub(crate) fn new(verb: &'static str) -> Self {
        Self { verb, shown_at: 0, shown: io::stderr().is_terminal() }
    }

    pub(crate) fn show(&mut self, seen: &Seen) {
        if self.shown && seen.bytes >= self.shown_at + STEP {
            self.shown_at = seen.bytes;
            let (rows, mib) = (seen.rows, seen.bytes >> 20);
            let line = format!("{rows} rows {}, {mib} MiB, now {}", self.verb, seen.table);
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr().lock(), "\r{line:79.79}");
        }
    }

    pub(crate) fn done(&self) {
        if self.shown && self.shown_at > 0 {
            let _ = write!(io::stderr().lock(), "\r{:79}\r", "");
        }
    }
}
