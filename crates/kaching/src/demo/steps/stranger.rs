use serde_json::json;

use super::{STANDBY, Shown, Stage, quote, typed, unless};

/// What the product tells about itself is in the vendor's audit log: its health, and who knocked at its door.
pub(super) fn play(stage: &mut Stage) -> Shown {
    let stranger = json!({"name": "mallory", "cluster": "another cluster's id"});
    let answer = stage.ask(STANDBY, "POST", "/nodes", Some(stranger))?;
    unless(answer.status == 403, || format!("A stranger was let in: {}", answer.body))?;
    let line = ["audit", "list", "--action", "report.security"];
    let told = stage.until("the report", || {
        let entries = stage.operator(&line).map_err(|failure| std::io::Error::other(failure.to_string()))?;
        Ok(entries["items"].get(0).cloned())
    })?;
    super::renew(stage, STANDBY)?;
    let told_health = ["audit", "list", "--action", "activation.report"];
    let reports = stage.operator(&told_health)?;
    let healthy = reports["items"].as_array().into_iter().flatten();
    let healthy = healthy.filter(|entry| entry["change"]["health"] == "ok").count();
    unless(healthy > 0, || format!("Nothing tells of its health: {reports}"))?;
    Ok(vec![
        format!("A node that shows another cluster's id is told: {}", quote(answer.text("/error"))),
        typed(&line),
        format!(
            "{}: told by {}, which also says that it is well",
            told["at"].as_str().unwrap_or("?"),
            STANDBY
        ),
    ])
}
