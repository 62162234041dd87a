use serde_json::json;

use super::{FIRST, NodeSpec, Sandbox, StepResult, command_line, ensure, quote};
use crate::time::{now, seconds};
use kaching_command::failure::Failure;

/// The operator suspends while the network is cut. The product cannot know, and stops on its first contact.
pub(super) fn stops(sandbox: &mut Sandbox) -> StepResult {
    sandbox.proxy()?.cut();
    let offline = |license: &serde_json::Value| license["state"]["state"] == "offline";
    sandbox.until_answers(FIRST, "/license", "the loss of contact", offline)?;
    let license = sandbox.license.clone();
    let line = ["license", "suspend", &license, "--reason", "invoice 4712 is open"];
    sandbox.operator(&line)?;
    let taken = sandbox.ask(FIRST, "POST", "/jobs", Some(json!({"input": "unaware"})))?;
    ensure(taken.status == 202, || format!("It stopped without a proof: {}", taken.body))?;
    let began = now();
    sandbox.proxy()?.restore();
    let (stopped, at) =
        sandbox.until_answers(FIRST, "/health", "the stop", |health| health["takes_jobs"] == false)?;
    let took = seconds(at.duration_since(began));
    ensure(stopped.text("/license") == "refused", || format!("Its state is {}", stopped.body))?;
    Ok(vec![
        command_line(&line),
        format!("{FIRST} runs on while the network is cut; {took} after it is restored:"),
        quote(stopped.text("/reason")),
    ])
}

/// The refusal is on the disk of the product.
pub(super) fn stays(sandbox: &mut Sandbox) -> StepResult {
    sandbox.kill(FIRST)?;
    sandbox.proxy()?.cut();
    let Err((said, code)) = sandbox.try_start_node(NodeSpec::new(FIRST))? else {
        return Err(Failure::refused(format!("{FIRST} started, although it was refused.")));
    };
    ensure(code == Some(1), || format!("{FIRST} ended with {code:?} rather than exit code 1: {said}"))?;
    ensure(said.contains("4712"), || format!("It does not say why: {said}"))?;
    sandbox.proxy()?.restore();
    let license = sandbox.license.clone();
    let line = ["license", "reinstate", &license];
    sandbox.operator(&line)?;
    sandbox.start_node(NodeSpec::new(FIRST))?;
    Ok(vec![quote(&said), command_line(&line), format!("{FIRST} starts and works again")])
}
