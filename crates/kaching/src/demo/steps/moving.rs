use super::{Cast, FIRST, Shown, Stage, quote, unless};
use crate::{
    demo::teller::{now, seconds},
    failure::Failure,
};

const NEW: &str = "eu-2";
const NEWER: &str = "eu-3";

/// A new cluster takes over what the old one holds; the old one runs on for its move grace.
pub(super) fn moves(stage: &mut Stage) -> Shown {
    let before = stage.ask(FIRST, "GET", "/license", None)?;
    take_over(stage, FIRST, NEW)?;
    let moved =
        |license: &serde_json::Value| license["granted"]["revision"] != before.body["granted"]["revision"];
    let (old, _) = stage.until_answers(FIRST, "/license", "the news of the move", moved)?;
    for name in [FIRST, NEW] {
        let health = stage.ask(name, "GET", "/health", None)?;
        unless(health.body["takes_jobs"] == true, || format!("{name} does not work: {}", health.body))?;
    }
    let (until, earlier) = (old.text("/granted/runs_until"), before.text("/granted/runs_until"));
    unless(until < earlier, || format!("The old cluster may run until {until}, as before"))?;
    Ok(vec![
        format!("$ cluster --name {NEW} --takeover {}", old.text("/granted/activation")),
        format!("{NEW} works at once; {FIRST} works on, and its last lease names {until}, not {earlier}"),
    ])
}

/// One license never keeps more than one cluster in move grace: a further move ends the first one's at once.
pub(super) fn again(stage: &mut Stage) -> Shown {
    let began = now();
    take_over(stage, NEW, NEWER)?;
    let (stopped, at) =
        stage.until_answers(FIRST, "/health", "the refusal", |health| health["takes_jobs"] == false)?;
    let took = seconds(at.duration_since(began));
    let license = stage.ask(FIRST, "GET", "/license", None)?;
    let code = license.text("/refusal/code");
    unless(code == "activation_superseded", || {
        format!("{FIRST} was refused with {}", license.body["refusal"])
    })?;
    for name in [NEW, NEWER] {
        let health = stage.ask(name, "GET", "/health", None)?;
        unless(health.body["takes_jobs"] == true, || format!("{name} does not work: {}", health.body))?;
    }
    Ok(vec![
        format!(
            "{took} after {NEWER} asked to take over from {NEW}, {FIRST} heard, signed: {}",
            quote(stopped.text("/reason"))
        ),
        format!("{NEW} is in its move grace now, {NEWER} works; {FIRST} does not activate again by itself"),
    ])
}

fn take_over(stage: &mut Stage, from: &str, to: &str) -> Result<(), Failure> {
    let old = stage.ask(from, "GET", "/license", None)?;
    let activation = old.text("/granted/activation").to_owned();
    stage.runs(Cast { more: vec!["--takeover".to_owned(), activation], ..Cast::new(to) })?;
    Ok(())
}
