use serde_json::json;

use super::{FIRST, NODE, NodeSpec, STANDBY, Sandbox, StepResult, ensure};
use crate::time::{now, seconds};
use kaching_command::failure::Failure;

/// A second process uses the same directory, and one elsewhere gets the lease from the other two.
pub(super) fn three(sandbox: &mut Sandbox) -> StepResult {
    // One node leaves, since the plan's nodes are all in use.
    sandbox.ask(FIRST, "DELETE", "/nodes/n25", None)?;
    let first = sandbox.running(FIRST)?.address;
    let standby = sandbox.start_node(NodeSpec { data: FIRST, ..NodeSpec::new(STANDBY) })?.address;
    let follow = [first, standby].map(|address| ["--follow".to_owned(), format!("http://{address}")]);
    sandbox.start_node(NodeSpec { more: follow.concat(), ..NodeSpec::new(NODE) })?;
    let activation = activation(sandbox, FIRST)?;
    for name in [STANDBY, NODE] {
        ensure(activation == self::activation(sandbox, name)?, || {
            format!("{name} runs on another activation")
        })?;
        let taken = sandbox.ask(name, "POST", "/jobs", Some(json!({"input": name})))?;
        ensure(taken.status == 202, || format!("{name} took no job: {}", taken.body))?;
    }
    let active = active(sandbox)?;
    ensure(active == 1, || format!("The license counts {active} activations"))?;
    let list = sandbox.ask(FIRST, "GET", "/nodes", None)?;
    let joined = list.body["nodes"].as_array().is_some_and(|nodes| nodes.contains(&json!(NODE)));
    ensure(joined, || format!("{NODE} is no node of the cluster: {}", list.body))?;
    Ok(vec![
        format!(
            "{FIRST} keeps the lease; {STANDBY} reads it on the same disk, {NODE} gets it over the network"
        ),
        format!("All three verify it, and the license counts one activation: {activation}"),
    ])
}

/// The process with the credential is killed with SIGKILL.
pub(super) fn dies(sandbox: &mut Sandbox) -> StepResult {
    let before = activation(sandbox, FIRST)?;
    let began = now();
    sandbox.kill(FIRST)?;
    let keeps = |license: &serde_json::Value| license["state"]["detail"] == "active";
    let (_, at) = sandbox.until_answers(STANDBY, "/license", "another holder", keeps)?;
    let took = seconds(at.duration_since(began));
    let joined = |nodes: &serde_json::Value| {
        nodes["nodes"].as_array().is_some_and(|nodes| nodes.contains(&json!(NODE)))
    };
    sandbox.until_answers(STANDBY, "/nodes", "the node that follows", joined)?;
    let follows = |license: &serde_json::Value| license["state"]["state"] == "active";
    sandbox.until_answers(NODE, "/license", "contact of the node", follows)?;
    for name in [STANDBY, NODE] {
        ensure(before == activation(sandbox, name)?, || format!("{name} runs on another activation"))?;
        let taken = sandbox.ask(name, "POST", "/jobs", Some(json!({"input": name})))?;
        ensure(taken.status == 202, || format!("{name} took no job: {}", taken.body))?;
    }
    let active = active(sandbox)?;
    ensure(active == 1, || format!("The license counts {active} activations"))?;
    Ok(vec![
        format!("{took} after SIGKILL {STANDBY} keeps the lease, with the credential that {FIRST} left"),
        format!("{NODE} joined it and goes on; still one activation, and no job was refused"),
    ])
}

fn activation(sandbox: &Sandbox, name: &str) -> Result<String, Failure> {
    let license = sandbox.ask(name, "GET", "/license", None)?;
    let activation = license.text("/granted/activation").to_owned();
    ensure(!activation.is_empty(), || format!("{name} has no lease: {}", license.body)).map(|()| activation)
}

fn active(sandbox: &Sandbox) -> Result<usize, Failure> {
    let list =
        sandbox.operator(&["activation", "list", "--license", &sandbox.license, "--status", "active"])?;
    Ok(list["items"].as_array().map_or(0, Vec::len))
}
