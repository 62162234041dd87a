use serde_json::json;

use super::{FIRST, Shown, Stage, quote, unless};
use crate::demo::teller::{now, seconds};

/// kill -9: a broken network or authority is not a missing license.
pub(super) fn kills(stage: &mut Stage) -> Shown {
    stage.kill_authority()?;
    let offline = |license: &serde_json::Value| license["state"]["state"] == "offline";
    let (license, _) = stage.until_answers(FIRST, "/license", "the loss of contact", offline)?;
    let taken = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "without authority"})))?;
    unless(taken.status == 202, || format!("The job was not taken: {}", taken.body))?;
    let linked = stage.ask(FIRST, "POST", "/federation/links", Some(json!({"cluster": "sa-1"})))?;
    unless(linked.status == 201, || format!("The feature is closed: {}", linked.body))?;
    Ok(vec![
        "The authority got SIGKILL; jobs and features go on".to_owned(),
        format!("{FIRST} says: {}", quote(license.text("/state/detail"))),
    ])
}

/// The authority starts on what it had written, and the product finds it again.
pub(super) fn restarts(stage: &mut Stage) -> Shown {
    let process = stage.running(FIRST)?.process;
    let before = stage.ask(FIRST, "GET", "/license", None)?;
    let began = now();
    let address = stage.serve()?;
    let serves = now();
    let active = |license: &serde_json::Value| license["state"]["state"] == "active";
    let (after, at) = stage.until_answers(FIRST, "/license", "contact", active)?;
    let activation = |answer: &serde_json::Value| answer["granted"]["activation"].clone();
    unless(activation(&before.body) == activation(&after.body), || "It is another activation".to_owned())?;
    unless(after.text("/granted/plan") == "team", || format!("The upgrade is lost: {}", after.body))?;
    unless(stage.running(FIRST)?.process == process, || format!("{FIRST} was restarted"))?;
    Ok(vec![
        format!("It serves on {address} again after {}", seconds(serves.duration_since(began))),
        format!(
            "{} later {FIRST} has a new lease: same activation, same plan, same process ({process})",
            seconds(at.duration_since(serves))
        ),
    ])
}
