//! The steps of the story.

use super::{Sandbox, Step, StepResult, sandbox::NodeSpec};
use kaching_command::failure::Failure;

mod activation;
mod authority;
mod clocks;
mod copy;
mod crash;
mod feature;
mod foreign_node;
mod holder;
mod layered_product;
mod moves;
mod nodes;
mod second_cluster;
mod suspension;
mod unreachable;
mod upgrade;

/// The steps in their order. A new step is a file and a line here.
pub(super) const STEPS: &[Step] = &[
    Step { title: "An authority starts in an empty folder, without set-up", run: authority::starts },
    Step { title: "An operator sells a license", run: authority::sells },
    Step { title: "A cluster activates and works", run: activation::run },
    Step { title: "A second cluster with the same license is refused", run: second_cluster::run },
    Step { title: "A feature of a higher plan says how to get it", run: feature::run },
    Step { title: "An upgrade opens it, without a restart", run: upgrade::run },
    Step { title: "A node over the limit is refused", run: nodes::run },
    Step { title: "Suspending the license stops the work", run: suspension::suspends },
    Step { title: "Reinstating it starts the work again, without a restart", run: suspension::reinstates },
    Step { title: "The authority is killed, and the product keeps running", run: crash::kills },
    Step { title: "The authority comes back, and nothing is lost", run: crash::restarts },
    Step { title: "Three nodes run on one activation", run: holder::three },
    Step {
        title: "The process that holds the lease is killed, and another one takes its place",
        run: holder::dies,
    },
    Step {
        title: "A node of another cluster is refused, and the vendor is notified",
        run: foreign_node::run,
    },
    Step { title: "A clock set ahead ends nothing, and one set back extends nothing", run: clocks::run },
    Step { title: "Suspended while out of reach: stopped on the first contact", run: unreachable::stops },
    Step { title: "It stays stopped after a restart without network", run: unreachable::stays },
    Step { title: "A copy of the state directory is found", run: copy::run },
    Step { title: "The license moves to another cluster, without an interruption", run: moves::moves },
    Step { title: "It moves again, and the first cluster is refused by push", run: moves::again },
    Step { title: "A product that only a layer guards", run: layered_product::run },
];

/// The cluster of the story, and the one that finds no free slot.
const FIRST: &str = "eu-1";
const SECOND: &str = "us-1";
/// A second process on the node of the first cluster, and a node of it on another host.
const STANDBY: &str = "eu-1-b";
const NODE: &str = "eu-1-c";

/// Fails the step unless the condition holds. `found` describes the result instead.
fn ensure(held: bool, found: impl FnOnce() -> String) -> Result<(), Failure> {
    if held { Ok(()) } else { Err(Failure::refused(found())) }
}

/// Returns a message in quotation marks.
fn quote(said: &str) -> String {
    format!("“{}”", said.trim())
}

/// Returns a command line as an operator types it.
fn command_line(line: &[&str]) -> String {
    let words: Vec<_> = line
        .iter()
        .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() })
        .collect();
    format!("$ kaching {}", words.join(" "))
}

/// Has a cluster send a heartbeat now, as the customer's admin would.
fn renew(sandbox: &Sandbox, name: &str) -> Result<(), Failure> {
    let renewed = sandbox.ask(name, "POST", "/api/v1/licensing/renew", None)?;
    ensure(renewed.status == 200, || format!("{name} does not renew: {}", renewed.body))
}
