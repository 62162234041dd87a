use super::{FIRST, NodeSpec, Sandbox, StepResult, ensure, quote};
use crate::time::{now, seconds};
use kaching_command::failure::Failure;

const NEW: &str = "eu-2";
const NEWER: &str = "eu-3";

/// A new cluster takes the slot of the old one, which runs on for its move grace.
pub(super) fn moves(sandbox: &mut Sandbox) -> StepResult {
    let before = sandbox.ask(FIRST, "GET", "/license", None)?;
    move_slot(sandbox, FIRST, NEW)?;
    let moved =
        |license: &serde_json::Value| license["granted"]["revision"] != before.body["granted"]["revision"];
    let (old, _) = sandbox.until_answers(FIRST, "/license", "the event of the move", moved)?;
    for name in [FIRST, NEW] {
        let health = sandbox.ask(name, "GET", "/health", None)?;
        ensure(health.body["takes_jobs"] == true, || format!("{name} does not work: {}", health.body))?;
    }
    let (until, earlier) = (old.text("/granted/runs_until"), before.text("/granted/runs_until"));
    ensure(until < earlier, || format!("The old cluster may run until {until}, as before"))?;
    Ok(vec![
        format!("$ cluster --name {NEW} --takeover {}", old.text("/granted/activation")),
        format!("{NEW} works immediately; {FIRST} works on, and its last lease names {until}, not {earlier}"),
    ])
}

/// A license has one cluster in move grace at most: another move ends the grace of the first one immediately.
pub(super) fn again(sandbox: &mut Sandbox) -> StepResult {
    let began = now();
    move_slot(sandbox, NEW, NEWER)?;
    let (stopped, at) =
        sandbox.until_answers(FIRST, "/health", "the refusal", |health| health["takes_jobs"] == false)?;
    let took = seconds(at.duration_since(began));
    let license = sandbox.ask(FIRST, "GET", "/license", None)?;
    let code = license.text("/refusal/code");
    ensure(code == "activation_superseded", || {
        format!("{FIRST} was refused with {}", license.body["refusal"])
    })?;
    for name in [NEW, NEWER] {
        let health = sandbox.ask(name, "GET", "/health", None)?;
        ensure(health.body["takes_jobs"] == true, || format!("{name} does not work: {}", health.body))?;
    }
    Ok(vec![
        format!(
            "{took} after {NEWER} took the slot of {NEW}, {FIRST} got a signed refusal: {}",
            quote(stopped.text("/reason"))
        ),
        format!("{NEW} is in its move grace now, {NEWER} works; {FIRST} does not activate again on its own"),
    ])
}

fn move_slot(sandbox: &mut Sandbox, from: &str, to: &str) -> Result<(), Failure> {
    let old = sandbox.ask(from, "GET", "/license", None)?;
    let activation = old.text("/granted/activation").to_owned();
    sandbox.start_node(NodeSpec { more: vec!["--takeover".to_owned(), activation], ..NodeSpec::new(to) })?;
    Ok(())
}
