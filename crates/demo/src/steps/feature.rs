use serde_json::json;

use super::{FIRST, Sandbox, StepResult, ensure, quote};

/// A feature that the plan lacks is denied without a call, with the name of a plan that has it.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    // The catalogue arrives after the first lease.
    sandbox.until_answers(FIRST, "/license", "the catalogue", |license| license["contact"].is_object())?;
    let answer = sandbox.ask(FIRST, "POST", "/federation/links", Some(json!({"cluster": "ap-1"})))?;
    let said = answer.text("/error").to_owned();
    ensure(answer.status == 403, || format!("It was answered with {}: {said}", answer.status))?;
    ensure(answer.text("/code") == "feature_not_licensed", || {
        format!("The code is {}", answer.body["code"])
    })?;
    ensure(said.contains("Team"), || format!("It does not name the plan that has it: {said}"))?;
    Ok(vec![quote(&said)])
}
