use serde_json::json;

use super::{FIRST, NodeSpec, Sandbox, StepResult, ensure, quote};

/// A guarded product starts with the key, and works.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    sandbox.start_node(NodeSpec::new(FIRST))?;
    let taken = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "kaching", "rounds": 100_000})))?;
    ensure(taken.status == 202, || format!("The job was not taken: {}", taken.body))?;
    let path = format!("/jobs/{}", taken.body["id"]);
    let (job, _) = sandbox.until_answers(FIRST, &path, "the end of a job", |job| job["state"] == "done")?;
    let license = sandbox.ask(FIRST, "GET", "/license", None)?;
    let plan = license.text("/granted/plan_name").to_owned();
    ensure(license.text("/state/state") == "active", || format!("Its state is {}", license.body["state"]))?;
    Ok(vec![
        format!("{FIRST} runs on the {plan} plan; its first job gave {}", quote(job.text("/output"))),
        format!("Its lease ends at {} and is renewed by heartbeat", license.text("/granted/lease_ends_at")),
    ])
}
