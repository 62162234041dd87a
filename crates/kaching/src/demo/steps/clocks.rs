use super::{Cast, FIRST, NODE, STANDBY, Shown, Stage, unless};

const DAY: i64 = 24 * 3600;

/// Started again without network, once with a date of next month and once with one of last month.
pub(super) fn play(stage: &mut Stage) -> Shown {
    for name in [NODE, STANDBY] {
        stage.kill(name)?;
    }
    stage.wire()?.cut();
    let (mut ends, mut warning) = (Vec::new(), String::new());
    for clock_off in [30 * DAY, -30 * DAY] {
        stage.runs(Cast { clock_off, ..Cast::new(FIRST) })?;
        let license = stage.ask(FIRST, "GET", "/license", None)?;
        unless(license.text("/state/state") == "offline", || {
            format!("It stands as {}", license.body["state"])
        })?;
        ends.push(license.text("/granted/runs_until").to_owned());
        warning = license.text("/warnings/0").to_owned();
        unless(warning.contains("clock"), || format!("It warns of {}", license.body["warnings"]))?;
        if clock_off > 0 {
            stage.kill(FIRST)?;
        }
    }
    unless(ends[0] == ends[1], || format!("Its time ends at {} and at {}", ends[0], ends[1]))?;
    stage.wire()?.mend();
    let settled = |license: &serde_json::Value| {
        license["state"]["state"] == "active" && license["warnings"] == serde_json::json!([])
    };
    stage.until_answers(FIRST, "/license", "contact", settled)?;
    stage.kill(FIRST)?;
    stage.runs(Cast::new(FIRST))?;
    Ok(vec![
        format!("30 days ahead and 30 days back, without network: it runs, until {} as before", ends[0]),
        format!("It says: {}", super::quote(&warning)),
        "With contact the authority's time counts, and the warning goes".to_owned(),
    ])
}
