use serde_json::json;

use super::{STANDBY, Sandbox, StepResult, command_line, ensure, quote};

/// The reports of the product are in the vendor's audit log: its health, and a refused node of another cluster.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    let foreign = json!({"name": "mallory", "cluster": "another cluster's id"});
    let answer = sandbox.ask(STANDBY, "POST", "/nodes", Some(foreign))?;
    ensure(answer.status == 403, || format!("A node of another cluster joined: {}", answer.body))?;
    let line = ["audit", "list", "--action", "report.security"];
    let report = sandbox.until("the report", || {
        let entries =
            sandbox.operator(&line).map_err(|failure| std::io::Error::other(failure.to_string()))?;
        Ok(entries["items"].get(0).cloned())
    })?;
    super::renew(sandbox, STANDBY)?;
    let health_reports = ["audit", "list", "--action", "activation.report"];
    let reports = sandbox.operator(&health_reports)?;
    let healthy = reports["items"].as_array().into_iter().flatten();
    let healthy = healthy.filter(|entry| entry["change"]["health"] == "ok").count();
    ensure(healthy > 0, || format!("No report has its health: {reports}"))?;
    Ok(vec![
        format!("A node with the id of another cluster is refused: {}", quote(answer.text("/error"))),
        command_line(&line),
        format!(
            "{}: reported by {}, which also reports that it is healthy",
            report["at"].as_str().unwrap_or("?"),
            STANDBY
        ),
    ])
}
