//! The story, a file a step.

use super::{Shown, Stage, Step, stage::Cast};
use crate::failure::Failure;

mod activation;
mod authority;
mod clocks;
mod copy;
mod crash;
mod feature;
mod holder;
mod layer;
mod moving;
mod nodes;
mod second;
mod stranger;
mod suspension;
mod unreachable;
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
    Step { title: "Three nodes run on one activation", play: holder::three },
    Step { title: "The one that keeps the lease is killed, and another takes its place", play: holder::dies },
    Step { title: "A stranger at the door is turned away, and the vendor hears of it", play: stranger::play },
    Step { title: "A clock set ahead ends nothing, one set back extends nothing", play: clocks::play },
    Step { title: "Suspended while out of reach: stopped on the first contact", play: unreachable::stops },
    Step { title: "And still stopped after a restart without network", play: unreachable::stays },
    Step { title: "A copy of the state directory is found", play: copy::play },
    Step { title: "Another cluster takes the license over, without an interruption", play: moving::moves },
    Step { title: "Moved again, the first one is refused, by push", play: moving::again },
    Step { title: "A product that only a layer guards", play: layer::play },
];

/// The cluster that the story is about, and the one that comes too late.
const FIRST: &str = "eu-1";
const SECOND: &str = "us-1";
/// A second process of the first one's node, and a node elsewhere.
const STANDBY: &str = "eu-1-b";
const NODE: &str = "eu-1-c";

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

/// A heartbeat now, as the customer's admin asks for it.
fn renew(stage: &Stage, name: &str) -> Result<(), Failure> {
    let renewed = stage.ask(name, "POST", "/api/v1/licensing/renew", None)?;
    unless(renewed.status == 200, || format!("{name} does not renew: {}", renewed.body))
}
