use serde_json::json;

use super::{FIRST, Shown, Stage, quote, unless};

/// A feature that the plan lacks: denied from memory, with the plan that has it.
pub(super) fn play(stage: &mut Stage) -> Shown {
    // The catalogue comes behind the first lease.
    stage.until_answers(FIRST, "/license", "the catalogue", |license| license["contact"].is_object())?;
    let answer = stage.ask(FIRST, "POST", "/federation/links", Some(json!({"cluster": "ap-1"})))?;
    let said = answer.text("/error").to_owned();
    unless(answer.status == 403, || format!("It was answered with {}: {said}", answer.status))?;
    unless(answer.text("/code") == "feature_not_licensed", || {
        format!("The code is {}", answer.body["code"])
    })?;
    unless(said.contains("Team"), || format!("It does not name the plan that has it: {said}"))?;
    Ok(vec![quote(&said)])
}
