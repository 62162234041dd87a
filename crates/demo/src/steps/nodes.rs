use serde_json::json;

use super::{FIRST, Sandbox, StepResult, ensure, quote};

/// The limit of nodes in the plan.
const ALLOWED: usize = 25;

/// The cluster grows to its limit, and the product refuses one more node.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    for number in 2..=ALLOWED {
        let joined = sandbox.ask(FIRST, "POST", "/nodes", Some(json!({"name": format!("n{number:02}")})))?;
        ensure(joined.status == 201, || format!("Node {number} of {ALLOWED} was refused: {}", joined.body))?;
    }
    let answer = sandbox.ask(FIRST, "POST", "/nodes", Some(json!({"name": "one-too-many"})))?;
    let said = answer.text("/error").to_owned();
    ensure(answer.status == 403, || format!("It was answered with {}: {said}", answer.status))?;
    ensure(answer.text("/code") == "limit_exceeded", || format!("The code is {}", answer.body["code"]))?;
    let named = said.contains("25") && said.contains("Enterprise") && said.contains("n25");
    ensure(named, || format!("It does not name limit, nodes and plan: {said}"))?;
    Ok(vec![quote(&said)])
}
