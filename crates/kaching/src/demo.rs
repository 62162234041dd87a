//! The whole story in a minute, told by real processes: an authority, an operator, and clusters that run on a license.

use std::io::{self, IsTerminal as _};

use clap::{Args, Subcommand};

use crate::{failure::Failure, output::Output};

mod http;
mod node;
mod notes;
mod stage;
mod steps;
mod teller;
mod troupe;
mod wire;

use stage::Stage;
use teller::Teller;

/// The whole story in a minute, on a temporary authority; leaves nothing behind
#[derive(Args)]
pub(crate) struct Demo {
    #[command(subcommand)]
    part: Option<Part>,
}

/// The parts that the demo plays in processes of their own.
#[derive(Subcommand)]
enum Part {
    /// A guarded cluster
    #[command(hide = true)]
    Node(node::Node),
    /// A product that only a layer guards
    #[command(hide = true)]
    Notes(notes::Notes),
}

/// What a step shows: lines for people, or why it did not hold.
type Shown = Result<Vec<String>, Failure>;

/// One step of the story.
struct Step {
    title: &'static str,
    play: fn(&mut Stage) -> Shown,
}

impl Demo {
    pub(crate) fn run(self, output: &Output) -> Result<(), Failure> {
        match self.part {
            Some(Part::Node(node)) => node.run(),
            Some(Part::Notes(notes)) => notes.run(),
            None => play(output),
        }
    }
}

fn play(output: &Output) -> Result<(), Failure> {
    let mut stage = Stage::set()?;
    let mut teller = Teller::new(*output, io::stdout().is_terminal());
    teller.open(stage.dir())?;
    let mut held = 0;
    let mut failed = None;
    for step in steps::STORY {
        teller.begin(held + 1, step.title)?;
        match (step.play)(&mut stage) {
            Ok(lines) => {
                held += 1;
                teller.held(held, step.title, &lines)?;
            }
            Err(failure) => {
                teller.failed(held + 1, step.title)?;
                failed = Some((failure, stage.logs()));
                break;
            }
        }
    }
    // Nothing is left behind, whatever happened.
    stage.strike()?;
    match failed {
        None => teller.close(held),
        Some((failure, logs)) => {
            let steps = steps::STORY.len();
            Err(Failure::refused(format!("{held} of {steps} steps held; then: {failure}{logs}")))
        }
    }
}

/// Ends a demo that somebody interrupts: 128 and the number of SIGINT, as shells have it.
fn leave() -> ! {
    #[expect(clippy::disallowed_methods, reason = "the main thread waits for processes that are gone")]
    std::process::exit(130)
}
