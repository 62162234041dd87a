//! The output of a command: tables and sentences for people, one JSON document for programs, or rows
//! for other tools.

use std::io::{self, IsTerminal as _, Write as _};

use kaching_base::{Timestamp, visible};
use serde::Serialize;

use crate::failure::Failure;

mod card;
mod changes;
mod csv;
mod rows;
mod style;
mod table;
mod terms;

pub use self::csv::{Csv, CsvCell};
pub use card::Card;
pub use changes::changes;
pub use rows::{RowFormat, RowWriter};
pub use style::Style;
pub use table::{Table, width};
pub use terms::{limits, pairs, policy, price, word};

/// Standard output, and its form.
#[derive(Clone, Copy)]
pub struct Output {
    /// Whether to print one JSON document instead of text.
    pub json: bool,
    pub style: Style,
    /// The time of the command, for relative dates.
    pub now: Timestamp,
    /// The columns of the terminal. `None` if the output goes to a file or another program.
    pub width: Option<usize>,
}

impl Output {
    /// Returns the output of this process, in colour if it is a terminal and the user did not disable colours. `columns` is
    /// the width that the user has set for the terminal.
    pub fn of_process(json: bool, no_color: bool, columns: Option<usize>, now: Timestamp) -> Self {
        let terminal = io::stdout().is_terminal();
        let width = columns.or_else(terminal_width).filter(|_| terminal);
        Self { json, style: Style::new(!json && !no_color && terminal), now, width }
    }

    /// Prints a value as JSON, or the text that `page` returns.
    pub fn either<T: Serialize>(&self, value: &T, page: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { self.value(value) } else { self.words(&page()) }
    }

    /// Prints one JSON document.
    pub fn value<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Failure::refused(format!("The answer could not be written as JSON: {error}."))
        })?;
        self.write(&text)
    }

    /// Prints text, unless the output is JSON. Invisible characters, which a name may contain, are escaped.
    pub fn words(&self, text: &str) -> Result<(), Failure> {
        if self.json || text.is_empty() { Ok(()) } else { self.write(&visible(text)) }
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.trim_end_matches('\n').as_bytes())?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }
}

/// Returns the columns of the terminal, if it knows them.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Prints a remark on standard error: progress, advice, an error.
pub fn remark(text: &str) {
    // A failure to write to standard error cannot be reported.
    let _ = writeln!(io::stderr().lock(), "{}", visible(text));
}

/// Shows the progress on one line of the terminal, if there is one. An empty text removes the line.
pub fn show_progress(text: &str) {
    let mut terminal = io::stderr().lock();
    if terminal.is_terminal() {
        // A failure to show progress does not stop the work.
        let _ = write!(terminal, "\r\u{1b}[2K{text}").and_then(|()| terminal.flush());
    }
}
