use serde_json::Value;

use super::{FIRST, NodeSpec, Sandbox, StepResult, ensure, quote};
use kaching_command::failure::Failure;

const COPY: &str = "eu-1-copy";

/// A copy of the state directory runs elsewhere, with the same credential.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    sandbox.copy(FIRST, COPY)?;
    sandbox.start_node(NodeSpec::new(COPY))?;
    let found = ["audit", "list", "--action", "activation.two_holders"];
    let mut entries = Value::Null;
    let mut warned = String::new();
    // Each heartbeat of one displaces the other. A few are enough for certainty.
    for _ in 0..6 {
        for name in [FIRST, COPY] {
            super::renew(sandbox, name)?;
        }
        entries = sandbox.operator(&found)?;
        let license = sandbox.ask(FIRST, "GET", "/license", None)?;
        warned = license.text("/warnings/0").to_owned();
        if entries["items"].as_array().is_some_and(|items| !items.is_empty()) && !warned.is_empty() {
            break;
        }
    }
    let entry = entries["items"][0].clone();
    ensure(entry["action"] == "activation.two_holders", || format!("Nothing was found: {entries}"))?;
    ensure(warned.contains("copy"), || format!("{FIRST} warns of nothing: {warned}"))?;
    let active =
        sandbox.operator(&["activation", "list", "--license", &sandbox.license, "--status", "active"])?;
    let slots = active["items"].as_array().map_or(0, Vec::len);
    ensure(slots == 1, || format!("The copy has a slot of its own: {active}"))?;
    sandbox.kill(COPY)?;
    let health = sandbox.ask(FIRST, "GET", "/health", None)?;
    ensure(health.body["takes_jobs"] == true, || format!("{FIRST} was stopped: {}", health.body))?;
    // Its credential was displaced as well. A restart activates again immediately, instead of in a minute.
    sandbox.kill(FIRST)?;
    sandbox.start_node(NodeSpec::new(FIRST))?;
    let at = entry["at"].as_str().ok_or_else(|| Failure::refused("The entry has no time."))?;
    Ok(vec![
        super::command_line(&found),
        format!("{at}: one credential, two holders; the slot is held once, and the original works on"),
        format!("{FIRST} says: {}", quote(&warned)),
    ])
}
