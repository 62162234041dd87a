use serde_json::json;

use super::{FIRST, Sandbox, StepResult, command_line, ensure};
use crate::time::{now, seconds};

/// The operator upgrades the license, and the running product has the feature.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    let process = sandbox.running(FIRST)?.process;
    let license = sandbox.license.clone();
    let line = ["license", "upgrade", &license, "--plan", "team"];
    sandbox.operator(&line)?;
    let began = now();
    let opened = |license: &serde_json::Value| license["granted"]["plan"] == "team";
    let (_, at) = sandbox.until_answers(FIRST, "/license", "the upgrade", opened)?;
    let linked = sandbox.ask(FIRST, "POST", "/federation/links", Some(json!({"cluster": "ap-1"})))?;
    ensure(linked.status == 201, || format!("Federation is still closed: {}", linked.body))?;
    ensure(sandbox.running(FIRST)?.process == process, || format!("{FIRST} was restarted"))?;
    let took = seconds(at.duration_since(began));
    Ok(vec![
        command_line(&line),
        format!("{took} later {FIRST} linked ap-1, still the same process ({process})"),
    ])
}
