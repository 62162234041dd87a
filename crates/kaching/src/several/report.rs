//! The report of a command on several objects: a line for each, or one JSON document, written as they are changed.

use std::io::{self, IsTerminal as _, Write as _};

use kaching_license::LicenseKey;
use serde_json::{Map, Value};

use super::{Change, Changed};
use crate::{
    failure::Failure,
    output::{Output, show_progress},
    words::plural,
};

/// The failed objects that the last message names.
const NAMED: usize = 10;

pub(super) struct Report<'o> {
    output: &'o Output,
    noun: &'static str,
    done: &'static str,
    total: usize,
    changed: usize,
    failed: usize,
    /// The names of the first failed objects.
    named: Vec<String>,
    /// Whether the lines of the output do not show the progress already.
    shows_progress: bool,
}

impl<'o> Report<'o> {
    pub(super) fn begin<C: Change>(total: usize, output: &'o Output) -> Result<Self, Failure> {
        let report = Self {
            output,
            noun: C::NOUN,
            done: C::DONE,
            total,
            changed: 0,
            failed: 0,
            named: Vec::new(),
            shows_progress: output.json || !io::stdout().is_terminal(),
        };
        if output.json {
            write("{\n  \"results\": [")?;
        }
        Ok(report)
    }

    pub(super) fn changed(&mut self, changed: &Changed) -> Result<(), Failure> {
        if self.output.json {
            let object = changed.answer.json()?;
            self.write_result(object["id"].clone(), self.noun, object)?;
        } else {
            self.output.words(&changed.line)?;
        }
        self.changed += 1;
        self.show();
        Ok(())
    }

    pub(super) fn failed(&mut self, at: usize, object: &str, failure: &Failure) -> Result<(), Failure> {
        // A key is not repeated.
        let name =
            if LicenseKey::is_within(object) { format!("key number {}", at + 1) } else { object.to_owned() };
        if self.output.json {
            let problem = serde_json::to_value(failure.problem()).unwrap_or_default();
            self.write_result(Value::from(name.as_str()), "problem", problem)?;
        } else {
            let why: Vec<String> = failure.to_string().lines().map(|line| line.trim().to_owned()).collect();
            self.output.words(&format!("{name}: not {}: {}", self.done, why.join("; ")))?;
        }
        self.failed += 1;
        if self.named.len() < NAMED {
            self.named.push(name);
        }
        self.show();
        Ok(())
    }

    /// Writes the sums.
    pub(super) fn end(&self) -> Result<(), Failure> {
        let Self { changed, failed, total, .. } = self;
        let untried = total - changed - failed;
        if self.shows_progress {
            show_progress("");
        }
        if self.output.json {
            let close = if changed + failed == 0 { "]" } else { "\n  ]" };
            return write(&format!(
                "{close},\n  \"changed\": {changed},\n  \"failed\": {failed},\n  \"not_tried\": {untried}\n}}\n"
            ));
        }
        if *total == 0 {
            return self.output.words(&format!("There is no such {}: nothing was changed.", self.noun));
        }
        let mut sums = format!("{changed} {}", self.done);
        for (count, what) in [(*failed, "failed"), (untried, "not tried")] {
            if count > 0 {
                sums.push_str(&format!(", {count} {what}"));
            }
        }
        self.output.words(&format!("{sums}."))
    }

    /// # Errors
    /// If an object was not changed, with those to repeat.
    pub(super) fn outcome(&self) -> Result<(), Failure> {
        if self.failed == 0 {
            return Ok(());
        }
        let all = plural(i64::try_from(self.total).unwrap_or(i64::MAX), self.noun);
        let (verb, why) = match (self.failed, self.output.json) {
            (1, false) => ("was", "its line says why"),
            (1, true) => ("was", "its result says why"),
            (_, false) => ("were", "their lines say why"),
            (_, true) => ("were", "their results say why"),
        };
        let more = self.failed - self.named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(Failure::Partial(format!(
            "{} of {all} {verb} not {}: {why}. Repeat the command for: {}{more}",
            self.failed,
            self.done,
            self.named.join(" ")
        )))
    }

    fn write_result(&self, id: Value, member: &str, value: Value) -> Result<(), Failure> {
        let result = Map::from_iter([("id".to_owned(), id), (member.to_owned(), value)]);
        let before = if self.changed + self.failed == 0 { "" } else { "," };
        write(&format!("{before}\n    {}", Value::Object(result)))
    }

    fn show(&self) {
        if self.shows_progress {
            show_progress(&format!("{} of {} {}s", self.changed + self.failed, self.total, self.noun));
        }
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
