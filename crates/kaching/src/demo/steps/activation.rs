use serde_json::json;

use super::{Cast, FIRST, Shown, Stage, quote, unless};

/// A guarded product starts with the key, and does its work.
pub(super) fn play(stage: &mut Stage) -> Shown {
    stage.runs(Cast::new(FIRST))?;
    let taken = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "kaching", "rounds": 100_000})))?;
    unless(taken.status == 202, || format!("The job was not taken: {}", taken.body))?;
    let path = format!("/jobs/{}", taken.body["id"]);
    let (job, _) = stage.until_answers(FIRST, &path, "the end of a job", |job| job["state"] == "done")?;
    let license = stage.ask(FIRST, "GET", "/license", None)?;
    let plan = license.text("/granted/plan_name").to_owned();
    unless(license.text("/state/state") == "active", || format!("It stands as {}", license.body["state"]))?;
    Ok(vec![
        format!("{FIRST} runs on the {plan} plan; its first job gave {}", quote(job.text("/output"))),
        format!("Its lease ends at {} and is renewed by heartbeat", license.text("/granted/lease_ends_at")),
    ])
}
