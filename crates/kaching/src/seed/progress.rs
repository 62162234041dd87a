use std::io::{self, IsTerminal as _, Write as _};

/// How far a long work is: a line that changes, on a terminal only.
pub(super) struct Progress {
    of: usize,
    at: usize,
    shown: bool,
}

impl Progress {
    pub(super) fn of(of: usize) -> Self {
        Self { of, at: 0, shown: of > 100 && io::stderr().is_terminal() }
    }

    pub(super) fn step(&mut self) {
        self.at += 1;
        if self.shown && (self.at.is_multiple_of(20) || self.at == self.of) {
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr().lock(), "\r{} of {} customers", self.at, self.of);
        }
    }

    pub(super) fn done(self) {
        if self.shown {
            let _ = write!(io::stderr().lock(), "\r{:40}\r", "");
        }
    }
}
