use serde_json::json;

use super::{Cast, FIRST, Shown, Stage, quote, typed, unless};
use crate::{
    demo::teller::{now, seconds},
    failure::Failure,
};

/// The operator suspends while the network is cut: what runs cannot know, and stops as soon as it can.
pub(super) fn stops(stage: &mut Stage) -> Shown {
    stage.wire()?.cut();
    let offline = |license: &serde_json::Value| license["state"]["state"] == "offline";
    stage.until_answers(FIRST, "/license", "the loss of contact", offline)?;
    let license = stage.license.clone();
    let line = ["license", "suspend", &license, "--reason", "invoice 4712 is open"];
    stage.operator(&line)?;
    let taken = stage.ask(FIRST, "POST", "/jobs", Some(json!({"input": "unaware"})))?;
    unless(taken.status == 202, || format!("It stopped without a proof: {}", taken.body))?;
    let began = now();
    stage.wire()?.mend();
    let (stopped, at) =
        stage.until_answers(FIRST, "/health", "the stop", |health| health["takes_jobs"] == false)?;
    let took = seconds(at.duration_since(began));
    unless(stopped.text("/license") == "refused", || format!("It stands as {}", stopped.body))?;
    Ok(vec![
        typed(&line),
        format!("{FIRST} runs on while the network is cut; {took} after it is mended:"),
        quote(stopped.text("/reason")),
    ])
}

/// What was refused stays so on its own disk.
pub(super) fn stays(stage: &mut Stage) -> Shown {
    stage.kill(FIRST)?;
    stage.wire()?.cut();
    let Err((said, code)) = stage.cluster(Cast::new(FIRST))? else {
        return Err(Failure::refused(format!("{FIRST} started, although it was refused.")));
    };
    unless(code == Some(1), || format!("{FIRST} ended with {code:?} rather than exit code 1: {said}"))?;
    unless(said.contains("4712"), || format!("It does not say why: {said}"))?;
    stage.wire()?.mend();
    let license = stage.license.clone();
    let line = ["license", "reinstate", &license];
    stage.operator(&line)?;
    stage.runs(Cast::new(FIRST))?;
    Ok(vec![quote(&said), typed(&line), format!("{FIRST} starts and works again")])
}
