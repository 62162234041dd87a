//! What a command prints: tables and sentences for people, one JSON document for programs.

use std::io::{self, IsTerminal as _, Write as _};

use kaching_base::{Timestamp, visible};
use serde::{Serialize, de::DeserializeOwned};

use crate::{failure::Failure, remote::Answer};

mod card;
mod changes;
mod dates;
mod style;
mod table;
mod terms;

pub(crate) use card::Card;
pub(crate) use changes::changes;
pub(crate) use dates::{ago, begins, day, ends_on, plural, span};
pub(crate) use style::Style;
pub(crate) use table::Table;
pub(crate) use terms::{limits, pairs, policy, price, spoken, word};

/// Standard output, and how to write on it.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    /// One JSON document instead of words.
    pub(crate) json: bool,
    pub(crate) style: Style,
    /// The moment of the command, for dates in words.
    pub(crate) now: Timestamp,
}

impl Output {
    /// The output of this process; colours only where a terminal shows them and nobody asked for none.
    pub(crate) fn of_process(json: bool, no_color: bool, now: Timestamp) -> Self {
        let colors = !json && !no_color && io::stdout().is_terminal();
        Self { json, style: Style::new(colors), now }
    }

    /// Prints the answer as the authority wrote it, or the words that `page` makes of it.
    pub(crate) fn answer<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        page: impl FnOnce(T) -> String,
    ) -> Result<(), Failure> {
        if self.json { self.value(&answer.json()?) } else { self.words(&page(answer.read()?)) }
    }

    /// Prints the answer to a change that has no more to show than that it is done.
    pub(crate) fn done(&self, answer: &Answer, sentence: &str) -> Result<(), Failure> {
        if !self.json {
            self.words(sentence)
        } else if answer.is_empty() {
            Ok(())
        } else {
            self.value(&answer.json()?)
        }
    }

    /// Prints a value as JSON, or the words for it.
    pub(crate) fn either<T: Serialize>(
        &self,
        value: &T,
        page: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json { self.value(value) } else { self.words(&page()) }
    }

    /// Prints one JSON document.
    pub(crate) fn value<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Failure::refused(format!("The answer could not be written as JSON: {error}."))
        })?;
        self.write(&text)
    }

    /// Prints words, unless a program reads; invisible characters, which a name may hold, are escaped.
    pub(crate) fn words(&self, text: &str) -> Result<(), Failure> {
        if self.json || text.is_empty() { Ok(()) } else { self.write(&visible(text)) }
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.trim_end_matches('\n').as_bytes())?;
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }
}

/// Says something beside the result, on standard error: progress, advice, what went wrong.
pub(crate) fn remark(text: &str) {
    // Nobody is left to be told that standard error cannot be written.
    let _ = writeln!(io::stderr().lock(), "{}", visible(text));
}
