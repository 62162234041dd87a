#![doc = include_str!("../README.md")]

use std::io::{self, IsTerminal as _};

use kaching_command::{failure::Failure, output::Output};

mod http;
mod narrator;
mod node;
mod notes;
mod process_group;
mod proxy;
mod sandbox;
mod steps;
mod time;

use narrator::Narrator;
use sandbox::Sandbox;

pub use node::run_node;
pub use notes::run_notes;

/// The lines that a step shows, or the reason why it does not hold.
type StepResult = Result<Vec<String>, Failure>;

/// One step of the story.
struct Step {
    title: &'static str,
    run: fn(&mut Sandbox) -> StepResult,
}

/// Plays every step, and prints what each shows.
///
/// # Errors
/// If a step does not hold, with what its processes logged last.
pub fn tell_story(output: &Output) -> Result<(), Failure> {
    let mut sandbox = Sandbox::create()?;
    let mut narrator = Narrator::new(*output, io::stdout().is_terminal());
    narrator.print_title(sandbox.dir())?;
    let mut held = 0;
    let mut failed = None;
    for step in steps::STEPS {
        narrator.begin_step(held + 1, step.title)?;
        match (step.run)(&mut sandbox) {
            Ok(lines) => {
                held += 1;
                narrator.print_step(held, step.title, &lines)?;
            }
            Err(failure) => {
                narrator.print_failure(held + 1, step.title)?;
                failed = Some((failure, sandbox.logs()));
                break;
            }
        }
    }
    // The sandbox is removed also if a step failed.
    sandbox.remove()?;
    match failed {
        None => narrator.print_summary(held, steps::STEPS.len()),
        Some((failure, logs)) => {
            let steps = steps::STEPS.len();
            Err(Failure::refused(format!("{held} of {steps} steps held; then: {failure}{logs}")))
        }
    }
}

/// Exits after an interrupt: with 128 and the number of SIGINT, as shells do.
fn exit_interrupted() -> ! {
    #[expect(clippy::disallowed_methods, reason = "the main thread waits for processes that are gone")]
    std::process::exit(130)
}
