use serde_json::Value;

use super::{Cast, FIRST, Shown, Stage, quote, unless};
use crate::failure::Failure;

const COPY: &str = "eu-1-copy";

/// Somebody copies the cluster's directory to another machine and runs it there, with the same credential.
pub(super) fn play(stage: &mut Stage) -> Shown {
    stage.copy(FIRST, COPY)?;
    stage.runs(Cast::new(COPY))?;
    let found = ["audit", "list", "--action", "activation.two_holders"];
    let mut entries = Value::Null;
    let mut warned = String::new();
    // Each heartbeat of one displaces the other: a few are enough to know, and to know it for certain.
    for _ in 0..6 {
        for name in [FIRST, COPY] {
            super::renew(stage, name)?;
        }
        entries = stage.operator(&found)?;
        let license = stage.ask(FIRST, "GET", "/license", None)?;
        warned = license.text("/warnings/0").to_owned();
        if entries["items"].as_array().is_some_and(|items| !items.is_empty()) && !warned.is_empty() {
            break;
        }
    }
    let entry = entries["items"][0].clone();
    unless(entry["action"] == "activation.two_holders", || format!("Nothing was found: {entries}"))?;
    unless(warned.contains("copy"), || format!("{FIRST} warns of nothing: {warned}"))?;
    let active =
        stage.operator(&["activation", "list", "--license", &stage.license, "--status", "active"])?;
    let slots = active["items"].as_array().map_or(0, Vec::len);
    unless(slots == 1, || format!("The copy has a slot of its own: {active}"))?;
    stage.kill(COPY)?;
    let health = stage.ask(FIRST, "GET", "/health", None)?;
    unless(health.body["takes_jobs"] == true, || format!("{FIRST} was stopped: {}", health.body))?;
    // Its credential was displaced, too: the next start activates at once rather than in a minute.
    stage.kill(FIRST)?;
    stage.runs(Cast::new(FIRST))?;
    let at = entry["at"].as_str().ok_or_else(|| Failure::refused("The entry has no time."))?;
    Ok(vec![
        super::typed(&found),
        format!("{at}: one credential, two holders; the slot is held once, and the original works on"),
        format!("{FIRST} says: {}", quote(&warned)),
    ])
}
