use serde_json::Value;

use super::{Shown, Stage, quote, typed, unless};
use crate::{
    demo::teller::{now, seconds},
    failure::Failure,
};

const NOTES: &str = "notes.example.com";

/// A product with a license of its own, in whose handlers nothing knows of it.
pub(super) fn play(stage: &mut Stage) -> Shown {
    let sold = ["license", "create", "--customer", "NORTHWIND", "--product", "agencyos", "--plan", "solo"];
    let made = stage.operator(&sold)?;
    let [license, key] = ["id", "key"].map(|name| made[name].as_str().unwrap_or_default().to_owned());
    stage.notes(NOTES, &key)?;
    status(stage, "POST", 201)?;
    let line = ["license", "suspend", &license, "--reason", "invoice 4713 is open"];
    let began = now();
    stage.operator(&line)?;
    let stopped = |body: &Value| body["code"] == "license_suspended";
    let (answer, at) = stage.until_answers(NOTES, "/notes", "the stop", stopped)?;
    let took = seconds(at.duration_since(began));
    unless(answer.status == 403, || format!("It answers {}", answer.status))?;
    let health = stage.ask(NOTES, "GET", "/health", None)?;
    unless(health.status == 200, || format!("/health answers {}", health.status))?;
    stage.operator(&["license", "reinstate", &license])?;
    let works = |body: &Value| body.as_str().is_some_and(|notes| notes.contains("buy milk"));
    stage.until_answers(NOTES, "/notes", "the notes", works)?;
    status(stage, "POST", 201)?;
    Ok(vec![
        typed(&line),
        format!("{took} later, the command included, every call is answered with 403, but for /health:"),
        quote(answer.text("/detail")),
        "Reinstated, it takes notes again; the layer is one line, its handlers know nothing".to_owned(),
    ])
}

fn status(stage: &Stage, method: &str, wanted: u16) -> Result<(), Failure> {
    let answer = stage.ask(NOTES, method, "/notes", Some(Value::String("buy milk".to_owned())))?;
    unless(answer.status == wanted, || format!("{method} /notes is answered with {}", answer.status))
}
