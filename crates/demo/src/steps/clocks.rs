use super::{FIRST, NODE, NodeSpec, STANDBY, Sandbox, StepResult, ensure};

const DAY: i64 = 24 * 3600;

/// The product restarts without network, with a clock that is a month ahead and one that is a month behind.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    for name in [NODE, STANDBY] {
        sandbox.kill(name)?;
    }
    sandbox.proxy()?.cut();
    let (mut ends, mut warning) = (Vec::new(), String::new());
    for clock_off in [30 * DAY, -30 * DAY] {
        sandbox.start_node(NodeSpec { clock_off, ..NodeSpec::new(FIRST) })?;
        let license = sandbox.ask(FIRST, "GET", "/license", None)?;
        ensure(license.text("/state/state") == "offline", || {
            format!("Its state is {}", license.body["state"])
        })?;
        ends.push(license.text("/granted/runs_until").to_owned());
        warning = license.text("/warnings/0").to_owned();
        ensure(warning.contains("clock"), || format!("It warns of {}", license.body["warnings"]))?;
        if clock_off > 0 {
            sandbox.kill(FIRST)?;
        }
    }
    ensure(ends[0] == ends[1], || format!("Its time ends at {} and at {}", ends[0], ends[1]))?;
    sandbox.proxy()?.restore();
    let settled = |license: &serde_json::Value| {
        license["state"]["state"] == "active" && license["warnings"] == serde_json::json!([])
    };
    sandbox.until_answers(FIRST, "/license", "contact", settled)?;
    sandbox.kill(FIRST)?;
    sandbox.start_node(NodeSpec::new(FIRST))?;
    Ok(vec![
        format!("30 days ahead and 30 days back, without network: it runs, until {} as before", ends[0]),
        format!("It says: {}", super::quote(&warning)),
        "With contact the authority's time counts, and the warning goes".to_owned(),
    ])
}
