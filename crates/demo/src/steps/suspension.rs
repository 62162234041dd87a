use std::time::Duration;

use serde_json::json;

use super::{FIRST, Sandbox, StepResult, command_line, ensure, quote};
use crate::time::{now, seconds};
use kaching_command::failure::Failure;

/// The longest time from the operator's command to the stop.
const BOUND: Duration = Duration::from_secs(3);

/// The operator suspends; the product stops taking work, and finishes what runs.
pub(super) fn suspends(sandbox: &mut Sandbox) -> StepResult {
    let rounds = rounds_of_a_second(sandbox)?;
    let long = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "long", "rounds": rounds})))?;
    ensure(long.status == 202, || format!("The job was not taken: {}", long.body))?;
    let license = sandbox.license.clone();
    let line = ["license", "suspend", &license, "--reason", "invoice 4711 is open"];
    let began = now();
    sandbox.operator(&line)?;
    let (_, at) =
        sandbox.until_answers(FIRST, "/health", "the stop", |health| health["takes_jobs"] == false)?;
    let took = at.duration_since(began);
    ensure(took < BOUND, || format!("It took {} to stop", seconds(took)))?;
    let refused = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "kaching"})))?;
    let said = refused.text("/error").to_owned();
    ensure(refused.status == 403, || format!("A job was taken although it is suspended: {}", refused.body))?;
    ensure(refused.text("/code") == "license_suspended", || format!("The code is {}", refused.body["code"]))?;
    let path = format!("/jobs/{}", long.body["id"]);
    let job = sandbox.ask(FIRST, "GET", &path, None)?;
    let state = job.text("/state").to_owned();
    sandbox.until_answers(FIRST, &path, "the end of the running job", |job| job["state"] == "done")?;
    Ok(vec![
        command_line(&line),
        format!("{} later, the command included, {FIRST} answers new jobs with 403:", seconds(took)),
        quote(&said),
        format!("A job from before was {state} then, and finished"),
    ])
}

/// Returns the rounds of a job that takes about a second on this machine, estimated from a short one.
fn rounds_of_a_second(sandbox: &Sandbox) -> Result<u64, Failure> {
    const FEW: u64 = 500_000;
    let began = now();
    let job = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "short", "rounds": FEW})))?;
    let path = format!("/jobs/{}", job.body["id"]);
    sandbox.until_answers(FIRST, &path, "the end of a short job", |job| job["state"] == "done")?;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    Ok((FEW * 1000 / took).clamp(FEW, 1_000_000_000))
}

/// The operator reinstates; the same process works again.
pub(super) fn reinstates(sandbox: &mut Sandbox) -> StepResult {
    let process = sandbox.running(FIRST)?.process;
    let license = sandbox.license.clone();
    let line = ["license", "reinstate", &license];
    let began = now();
    sandbox.operator(&line)?;
    let (_, at) =
        sandbox.until_answers(FIRST, "/health", "the work", |health| health["takes_jobs"] == true)?;
    let taken = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "again"})))?;
    ensure(taken.status == 202, || format!("The job was not taken: {}", taken.body))?;
    ensure(sandbox.running(FIRST)?.process == process, || format!("{FIRST} was restarted"))?;
    let took = seconds(at.duration_since(began));
    Ok(vec![
        command_line(&line),
        format!("{took} later {FIRST} takes jobs again, still the same process ({process})"),
    ])
}
