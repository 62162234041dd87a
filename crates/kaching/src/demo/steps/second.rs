use super::{Cast, FIRST, SECOND, Shown, Stage, quote, unless};
use crate::failure::Failure;

/// The same key on another cluster: it does not start, and says who holds the license.
pub(super) fn play(stage: &mut Stage) -> Shown {
    let Err((said, code)) = stage.cluster(Cast::new(SECOND))? else {
        return Err(Failure::refused(format!("{SECOND} started, although {FIRST} holds the only slot.")));
    };
    unless(code == Some(1), || format!("{SECOND} ended with {code:?} rather than exit code 1: {said}"))?;
    unless(said.contains(FIRST), || format!("The refusal does not name {FIRST}: {said}"))?;
    Ok(vec![quote(&said), format!("{SECOND} did not start: exit code 1")])
}
