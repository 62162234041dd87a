//! The story, a file a step.

use super::{Shown, Stage, Step};
use crate::failure::Failure;

mod activation;
mod authority;
mod crash;
mod feature;
mod nodes;
mod second;
mod suspension;
mod upgrade;

/// The steps in their order; a new one is a file and a line here.
pub(super) const STORY: &[Step] = &[
    Step { title: "An authority starts in an empty folder, without set-up", play: authority::starts },
    Step { title: "An operator sells a license", play: authority::sells },
    Step { title: "A cluster activates and works", play: activation::play },
    Step { title: "A second cluster with the same license is refused", play: second::play },
    Step { title: "A feature of a higher plan says how to get it", play: feature::play },
    Step { title: "An upgrade opens it, without a restart", play: upgrade::play },
    Step { title: "A node over the limit is refused", play: nodes::play },
    Step { title: "Suspending the license stops the work", play: suspension::suspends },
    Step { title: "Reinstating it starts the work again, without a restart", play: suspension::reinstates },
    Step { title: "The authority is killed, and the product keeps running", play: crash::kills },
    Step { title: "The authority comes back, and nothing is lost", play: crash::restarts },
];

/// The cluster that the story is about, and the one that comes too late.
const FIRST: &str = "eu-1";
const SECOND: &str = "us-1";

/// A step that does not hold, with what was seen instead.
fn unless(held: bool, seen: impl FnOnce() -> String) -> Result<(), Failure> {
    if held { Ok(()) } else { Err(Failure::refused(seen())) }
}

/// What somebody said.
fn quote(said: &str) -> String {
    format!("“{}”", said.trim())
}

/// What an operator typed.
fn typed(line: &[&str]) -> String {
    let words: Vec<_> = line
        .iter()
        .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() })
        .collect();
    format!("$ kaching {}", words.join(" "))
}
