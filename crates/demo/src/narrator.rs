//! Prints the story: a line for each step with its time, and what it shows below.

use std::{io::Write as _, path::Path, time::Instant};

use kaching_base::printable;

use kaching_command::{
    failure::Failure,
    output::{Output, width},
};

use crate::time::{now, seconds};

/// The width of a line, and the column at which durations end.
const WIDTH: usize = 84;

pub(super) struct Narrator {
    output: Output,
    /// Whether a step is shown while it runs, which needs a terminal.
    live: bool,
    began: Instant,
    step: Instant,
}

impl Narrator {
    pub(super) fn new(output: Output, live: bool) -> Self {
        let now = now();
        Self { output, live: live && !output.json, began: now, step: now }
    }

    pub(super) fn print_title(&self, dir: &Path) -> Result<(), Failure> {
        let style = self.output.style;
        let title = style.bold("Kaching, the whole story in a minute");
        let place = style
            .dim(&format!("Real processes on this machine, and everything they write in {}", dir.display()));
        self.output.words(&format!("\n{title}\n{place}\n "))
    }

    pub(super) fn begin_step(&mut self, number: usize, title: &str) -> Result<(), Failure> {
        self.step = now();
        if self.live {
            let line = format!("  {} {number:>2}  {title} …", self.output.style.dim("·"));
            let mut out = std::io::stdout().lock();
            write!(out, "{line}")?;
            out.flush()?;
        }
        Ok(())
    }

    pub(super) fn print_step(&self, number: usize, title: &str, lines: &[String]) -> Result<(), Failure> {
        self.line(&self.output.style.good("✓"), number, title)?;
        for line in lines {
            self.output.words(&wrapped(&printable(line)))?;
        }
        Ok(())
    }

    pub(super) fn print_failure(&self, number: usize, title: &str) -> Result<(), Failure> {
        self.line(&self.output.style.bad("✗"), number, title)
    }

    pub(super) fn print_summary(&self, held: usize, steps: usize) -> Result<(), Failure> {
        let took = self.began.elapsed();
        if self.output.json {
            return self.output.value(&serde_json::json!({
                "steps": steps, "held": held, "seconds": took.as_secs_f64(),
            }));
        }
        let all = self.output.style.bold(&format!("all {held} steps held"));
        self.output.words(&format!("\n{all} in {}, and nothing is left behind", seconds(took)))
    }

    fn line(&self, mark: &str, number: usize, title: &str) -> Result<(), Failure> {
        let took = seconds(self.step.elapsed());
        let space = WIDTH.saturating_sub(width(title) + took.len());
        let start = if self.live { "\r\u{1b}[2K" } else { "" };
        let style = self.output.style;
        self.output.words(&format!(
            "{start}  {mark} {number:>2}  {}{}{}",
            style.bold(title),
            " ".repeat(space),
            style.dim(&took)
        ))
    }
}

/// Returns a line below its step, wrapped between words.
fn wrapped(line: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in line.split(' ') {
        let length = width(word);
        if column > 0 && column + length > WIDTH {
            text.push_str("\n         ");
            column = 0;
        }
        text.push_str(if column == 0 { "" } else { " " });
        text.push_str(word);
        column += length + 1;
    }
    format!("        {text}")
}
