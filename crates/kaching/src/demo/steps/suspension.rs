use std::time::Duration;

use serde_json::json;

use super::{FIRST, Shown, Stage, quote, typed, unless};
use crate::{
    demo::teller::{now, seconds},
    failure::Failure,
};

/// The longest time from the operator's command to the stop.
const BOUND: Duration = Duration::from_secs(3);

/// The operator suspends; the product stops taking work, and finishes what runs.
pub(super) fn suspends(stage: &mut Stage) -> Shown {
    let rounds = rounds_of_a_second(stage)?;
    let long = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "long", "rounds": rounds})))?;
    unless(long.status == 202, || format!("The job was not taken: {}", long.body))?;
    let license = stage.license.clone();
    let line = ["license", "suspend", &license, "--reason", "invoice 4711 is open"];
    let began = now();
    stage.operator(&line)?;
    let (_, at) =
        stage.until_answers(FIRST, "/health", "the stop", |health| health["takes_jobs"] == false)?;
    let took = at.duration_since(began);
    unless(took < BOUND, || format!("It took {} to stop", seconds(took)))?;
    let refused = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "kaching"})))?;
    let said = refused.text("/error").to_owned();
    unless(refused.status == 403, || format!("A job was taken all the same: {}", refused.body))?;
    unless(refused.text("/code") == "license_suspended", || format!("The code is {}", refused.body["code"]))?;
    let path = format!("/jobs/{}", long.body["id"]);
    let job = stage.ask(FIRST, "GET", &path, None)?;
    let state = job.text("/state").to_owned();
    stage.until_answers(FIRST, &path, "the end of the running job", |job| job["state"] == "done")?;
    Ok(vec![
        typed(&line),
        format!("{} later, the command included, {FIRST} answers new jobs with 403:", seconds(took)),
        quote(&said),
        format!("A job from before was {state} then, and came to its end"),
    ])
}

/// How many rounds a job has that runs for about a second here, as a short one shows.
fn rounds_of_a_second(stage: &Stage) -> Result<u64, Failure> {
    const FEW: u64 = 500_000;
    let began = now();
    let job = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "short", "rounds": FEW})))?;
    let path = format!("/jobs/{}", job.body["id"]);
    stage.until_answers(FIRST, &path, "the end of a short job", |job| job["state"] == "done")?;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    Ok((FEW * 1000 / took).clamp(FEW, 1_000_000_000))
}

/// The operator reinstates; the same process works again.
pub(super) fn reinstates(stage: &mut Stage) -> Shown {
    let process = stage.running(FIRST)?.process;
    let license = stage.license.clone();
    let line = ["license", "reinstate", &license];
    let began = now();
    stage.operator(&line)?;
    let (_, at) = stage.until_answers(FIRST, "/health", "the work", |health| health["takes_jobs"] == true)?;
    let taken = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "again"})))?;
    unless(taken.status == 202, || format!("The job was not taken: {}", taken.body))?;
    unless(stage.running(FIRST)?.process == process, || format!("{FIRST} was restarted"))?;
    let took = seconds(at.duration_since(began));
    Ok(vec![
        typed(&line),
        format!("{took} later {FIRST} takes jobs again, still the same process ({process})"),
    ])
}
