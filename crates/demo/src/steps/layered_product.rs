use serde_json::Value;

use super::{Sandbox, StepResult, command_line, ensure, quote};
use crate::time::{now, seconds};
use kaching_command::failure::Failure;

const NOTES: &str = "notes.example.com";

/// A product with a license of its own, whose handlers do not check it.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    let sold = ["license", "create", "--customer", "NORTHWIND", "--product", "agencyos", "--plan", "solo"];
    let made = sandbox.operator(&sold)?;
    let [license, key] = ["id", "key"].map(|name| made[name].as_str().unwrap_or_default().to_owned());
    sandbox.notes(NOTES, &key)?;
    status(sandbox, "POST", 201)?;
    let line = ["license", "suspend", &license, "--reason", "invoice 4713 is open"];
    let began = now();
    sandbox.operator(&line)?;
    let stopped = |body: &Value| body["code"] == "license_suspended";
    let (answer, at) = sandbox.until_answers(NOTES, "/notes", "the stop", stopped)?;
    let took = seconds(at.duration_since(began));
    ensure(answer.status == 403, || format!("It answers {}", answer.status))?;
    let health = sandbox.ask(NOTES, "GET", "/health", None)?;
    ensure(health.status == 200, || format!("/health answers {}", health.status))?;
    sandbox.operator(&["license", "reinstate", &license])?;
    let works = |body: &Value| body.as_str().is_some_and(|notes| notes.contains("buy milk"));
    sandbox.until_answers(NOTES, "/notes", "the notes", works)?;
    status(sandbox, "POST", 201)?;
    Ok(vec![
        command_line(&line),
        format!("{took} later, the command included, every call is answered with 403, but for /health:"),
        quote(answer.text("/detail")),
        "Reinstated, it takes notes again; the layer is one line, its handlers know nothing".to_owned(),
    ])
}

fn status(sandbox: &Sandbox, method: &str, wanted: u16) -> Result<(), Failure> {
    let answer = sandbox.ask(NOTES, method, "/notes", Some(Value::String("buy milk".to_owned())))?;
    ensure(answer.status == wanted, || format!("{method} /notes is answered with {}", answer.status))
}
