use serde_json::json;

use super::{FIRST, Sandbox, StepResult, ensure, quote};
use crate::time::{now, seconds};

/// A broken network or a killed authority is not a missing license.
pub(super) fn kills(sandbox: &mut Sandbox) -> StepResult {
    sandbox.kill_authority()?;
    let offline = |license: &serde_json::Value| license["state"]["state"] == "offline";
    let (license, _) = sandbox.until_answers(FIRST, "/license", "the loss of contact", offline)?;
    let taken = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "without authority"})))?;
    ensure(taken.status == 202, || format!("The job was not taken: {}", taken.body))?;
    let linked = sandbox.ask(FIRST, "POST", "/federation/links", Some(json!({"cluster": "sa-1"})))?;
    ensure(linked.status == 201, || format!("The feature is closed: {}", linked.body))?;
    Ok(vec![
        "The authority got SIGKILL; jobs and features continue".to_owned(),
        format!("{FIRST} says: {}", quote(license.text("/state/detail"))),
    ])
}

/// The authority restarts on its database, and the product reconnects.
pub(super) fn restarts(sandbox: &mut Sandbox) -> StepResult {
    let process = sandbox.running(FIRST)?.process;
    let before = sandbox.ask(FIRST, "GET", "/license", None)?;
    let began = now();
    let address = sandbox.serve()?;
    let serves = now();
    let active = |license: &serde_json::Value| license["state"]["state"] == "active";
    let (after, at) = sandbox.until_answers(FIRST, "/license", "contact", active)?;
    let activation = |answer: &serde_json::Value| answer["granted"]["activation"].clone();
    ensure(activation(&before.body) == activation(&after.body), || "It is another activation".to_owned())?;
    ensure(after.text("/granted/plan") == "team", || format!("The upgrade is lost: {}", after.body))?;
    ensure(sandbox.running(FIRST)?.process == process, || format!("{FIRST} was restarted"))?;
    Ok(vec![
        format!("It serves on {address} again after {}", seconds(serves.duration_since(began))),
        format!(
            "{} later {FIRST} has a new lease: same activation, same plan, same process ({process})",
            seconds(at.duration_since(serves))
        ),
    ])
}
