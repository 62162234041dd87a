use super::{FIRST, NodeSpec, SECOND, Sandbox, StepResult, ensure, quote};
use kaching_command::failure::Failure;

/// Another cluster with the same key does not start, and names the holder of the slot.
pub(super) fn run(sandbox: &mut Sandbox) -> StepResult {
    let Err((said, code)) = sandbox.try_start_node(NodeSpec::new(SECOND))? else {
        return Err(Failure::refused(format!("{SECOND} started, although {FIRST} holds the only slot.")));
    };
    ensure(code == Some(1), || format!("{SECOND} ended with {code:?} rather than exit code 1: {said}"))?;
    ensure(said.contains(FIRST), || format!("The refusal does not name {FIRST}: {said}"))?;
    Ok(vec![quote(&said), format!("{SECOND} did not start: exit code 1")])
}
