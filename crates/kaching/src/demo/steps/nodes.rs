use serde_json::json;

use super::{FIRST, Shown, Stage, quote, unless};

/// As many nodes as the plan allows, and one more.
const ALLOWED: usize = 25;

/// The cluster grows to its limit, and the product refuses the node beyond it.
pub(super) fn play(stage: &mut Stage) -> Shown {
    for number in 2..=ALLOWED {
        let joined = stage.ask(FIRST, "POST", "/nodes", Some(json!({"name": format!("n{number:02}")})))?;
        unless(joined.status == 201, || format!("Node {number} of {ALLOWED} was refused: {}", joined.body))?;
    }
    let answer = stage.ask(FIRST, "POST", "/nodes", Some(json!({"name": "one-too-many"})))?;
    let said = answer.text("/error").to_owned();
    unless(answer.status == 403, || format!("It was answered with {}: {said}", answer.status))?;
    unless(answer.text("/code") == "limit_exceeded", || format!("The code is {}", answer.body["code"]))?;
    let named = said.contains("25") && said.contains("Enterprise") && said.contains("n25");
    unless(named, || format!("It does not name limit, nodes and plan: {said}"))?;
    Ok(vec![quote(&said)])
}
