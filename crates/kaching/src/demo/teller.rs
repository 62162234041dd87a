//! How the story looks: a line a step, what was said below it, how long it took.

use std::{
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use kaching_base::printable;

use super::steps;
use crate::{failure::Failure, output::Output};

/// How wide a line is, and where durations end.
const WIDTH: usize = 84;

pub(super) struct Teller {
    output: Output,
    /// A terminal shows a step while it is played.
    live: bool,
    began: Instant,
    step: Instant,
}

impl Teller {
    pub(super) fn new(output: Output, live: bool) -> Self {
        let now = now();
        Self { output, live: live && !output.json, began: now, step: now }
    }

    pub(super) fn open(&self, dir: &Path) -> Result<(), Failure> {
        let style = self.output.style;
        let title = style.bold("Kaching, the whole story in a minute");
        let place = style
            .dim(&format!("Real processes on this machine, and everything they write in {}", dir.display()));
        self.output.words(&format!("\n{title}\n{place}\n "))
    }

    pub(super) fn begin(&mut self, number: usize, title: &str) -> Result<(), Failure> {
        self.step = now();
        if self.live {
            let line = format!("  {} {number:>2}  {title} …", self.output.style.dim("·"));
            let mut out = std::io::stdout().lock();
            write!(out, "{line}")?;
            out.flush()?;
        }
        Ok(())
    }

    pub(super) fn held(&self, number: usize, title: &str, lines: &[String]) -> Result<(), Failure> {
        self.line(&self.output.style.good("✓"), number, title)?;
        for line in lines {
            self.output.words(&indented(&printable(line)))?;
        }
        Ok(())
    }

    pub(super) fn failed(&self, number: usize, title: &str) -> Result<(), Failure> {
        self.line(&self.output.style.bad("✗"), number, title)
    }

    pub(super) fn close(&self, held: usize) -> Result<(), Failure> {
        let took = self.began.elapsed();
        if self.output.json {
            return self.output.value(&serde_json::json!({
                "steps": steps::STORY.len(), "held": held, "seconds": took.as_secs_f64(),
            }));
        }
        let all = self.output.style.bold(&format!("all {held} steps held"));
        self.output.words(&format!("\n{all} in {}, and nothing is left behind", seconds(took)))
    }

    fn line(&self, mark: &str, number: usize, title: &str) -> Result<(), Failure> {
        let took = seconds(self.step.elapsed());
        let space = WIDTH.saturating_sub(title.chars().count() + took.len());
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

/// A line under its step, broken between words where it is long.
fn indented(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + length > WIDTH {
            text.push_str("\n         ");
            width = 0;
        }
        text.push_str(if width == 0 { "" } else { " " });
        text.push_str(word);
        width += length + 1;
    }
    format!("        {text}")
}

/// A length of time as people read it.
pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the demo shows how long things take to whoever watches")]
    Instant::now()
}
