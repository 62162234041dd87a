use serde_json::json;

use super::{FIRST, Shown, Stage, typed, unless};
use crate::demo::teller::{now, seconds};

/// The operator upgrades, and the running product has the feature.
pub(super) fn play(stage: &mut Stage) -> Shown {
    let process = stage.running(FIRST)?.process;
    let license = stage.license.clone();
    let line = ["license", "upgrade", &license, "--plan", "team"];
    stage.operator(&line)?;
    let began = now();
    let opened = |license: &serde_json::Value| license["granted"]["plan"] == "team";
    let (_, at) = stage.until_answers(FIRST, "/license", "the upgrade", opened)?;
    let linked = stage.ask(FIRST, "POST", "/federation/links", Some(json!({"cluster": "ap-1"})))?;
    unless(linked.status == 201, || format!("Federation is still closed: {}", linked.body))?;
    unless(stage.running(FIRST)?.process == process, || format!("{FIRST} was restarted"))?;
    let took = seconds(at.duration_since(began));
    Ok(vec![typed(&line), format!("{took} later {FIRST} linked ap-1, still the same process ({process})")])
}
