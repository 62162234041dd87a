use serde_json::json;

use super::{Cast, FIRST, NODE, STANDBY, Shown, Stage, unless};
use crate::{
    demo::teller::{now, seconds},
    failure::Failure,
};

/// A second process on the same directory, and one elsewhere that takes the lease from the others.
pub(super) fn three(stage: &mut Stage) -> Shown {
    // A place for one more: the plan's nodes are all taken.
    stage.ask(FIRST, "DELETE", "/nodes/n25", None)?;
    let first = stage.running(FIRST)?.address;
    let standby = stage.runs(Cast { data: FIRST, ..Cast::new(STANDBY) })?.address;
    let follow = [first, standby].map(|address| ["--follow".to_owned(), format!("http://{address}")]);
    stage.runs(Cast { more: follow.concat(), ..Cast::new(NODE) })?;
    let activation = activation(stage, FIRST)?;
    for name in [STANDBY, NODE] {
        unless(activation == self::activation(stage, name)?, || {
            format!("{name} runs on another activation")
        })?;
        let taken = stage.ask(name, "POST", "/jobs", Some(json!({"input": name})))?;
        unless(taken.status == 202, || format!("{name} took no job: {}", taken.body))?;
    }
    let active = active(stage)?;
    unless(active == 1, || format!("The license counts {active} activations"))?;
    let list = stage.ask(FIRST, "GET", "/nodes", None)?;
    let joined = list.body["nodes"].as_array().is_some_and(|nodes| nodes.contains(&json!(NODE)));
    unless(joined, || format!("{NODE} is no node of the cluster: {}", list.body))?;
    Ok(vec![
        format!(
            "{FIRST} keeps the lease; {STANDBY} reads it on the same disk, {NODE} gets it over the network"
        ),
        format!("All three verify it, and the license counts one activation: {activation}"),
    ])
}

/// kill -9 for the process that has the credential.
pub(super) fn dies(stage: &mut Stage) -> Shown {
    let before = activation(stage, FIRST)?;
    let began = now();
    stage.kill(FIRST)?;
    let keeps = |license: &serde_json::Value| license["state"]["detail"] == "active";
    let (_, at) = stage.until_answers(STANDBY, "/license", "another holder", keeps)?;
    let took = seconds(at.duration_since(began));
    let joined = |nodes: &serde_json::Value| {
        nodes["nodes"].as_array().is_some_and(|nodes| nodes.contains(&json!(NODE)))
    };
    stage.until_answers(STANDBY, "/nodes", "the node that follows", joined)?;
    let follows = |license: &serde_json::Value| license["state"]["state"] == "active";
    stage.until_answers(NODE, "/license", "contact of the node", follows)?;
    for name in [STANDBY, NODE] {
        unless(before == activation(stage, name)?, || format!("{name} runs on another activation"))?;
        let taken = stage.ask(name, "POST", "/jobs", Some(json!({"input": name})))?;
        unless(taken.status == 202, || format!("{name} took no job: {}", taken.body))?;
    }
    let active = active(stage)?;
    unless(active == 1, || format!("The license counts {active} activations"))?;
    Ok(vec![
        format!("{took} after SIGKILL {STANDBY} keeps the lease, with the credential that {FIRST} left"),
        format!("{NODE} joined it and goes on; still one activation, and no job was refused"),
    ])
}

fn activation(stage: &Stage, name: &str) -> Result<String, Failure> {
    let license = stage.ask(name, "GET", "/license", None)?;
    let activation = license.text("/granted/activation").to_owned();
    unless(!activation.is_empty(), || format!("{name} has no lease: {}", license.body)).map(|()| activation)
}

fn active(stage: &Stage) -> Result<usize, Failure> {
    let list = stage.operator(&["activation", "list", "--license", &stage.license, "--status", "active"])?;
    Ok(list["items"].as_array().map_or(0, Vec::len))
}
