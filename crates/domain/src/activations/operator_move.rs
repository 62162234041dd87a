//! An operator moves an activation to another installation, which has not asked yet.

use kaching_base::ErrorCode;

use super::{
    Activation,
    activate::{ActivateContext, ActivateOutcome, ActivateRequest, Decision, enter},
    admission, moves,
};
use crate::{Refused, activations::bindings, leases::Times};

/// Decides. The new installation holds the slot immediately, and gets its credential when it activates; the license
/// need not be usable at the moment.
///
/// # Errors
/// If nothing is there to move, the new place is already active, or the license does not accept it.
pub fn move_by_operator(
    request: &ActivateRequest,
    from: &Activation,
    s: &ActivateContext<'_>,
) -> Result<Decision, Refused> {
    if !from.holds_slot(s.now) {
        let detail = "This activation holds no slot: there is nothing to move.";
        return Err(Refused::new(ErrorCode::WrongState, detail));
    }
    if from.fingerprint == request.fingerprint || s.present.is_some_and(|present| present.holds_slot(s.now)) {
        return Err(Refused::new(ErrorCode::WrongState, "This installation is active already."));
    }
    admission::accepts_kind(s.license, request.kind)?;
    if !bindings::allow(&s.license.bindings, request.kind, &request.fingerprint) {
        let detail = "The license is bound to other installations: change its bindings first.";
        return Err(Refused::new(ErrorCode::BindingMismatch, detail));
    }
    let times = Times::of(s.license, None, s.now);
    let (activation, displaced) = enter(s.license, s.present, request, None, s.new_id, &times, s.now);
    let others: Vec<_> = s.in_grace.iter().copied().filter(|id| *id != activation.id).collect();
    let mut decision = Decision::of(ActivateOutcome::Created, activation, times);
    decision.displaced = displaced;
    decision.superseded = Some(moves::mark_moved(s.license, from, s.now));
    decision.cut_short = moves::cut_short(s.license, &others);
    decision.delta = 1 - s.present.map_or(0, Activation::counted) - from.counted();
    Ok(decision)
}
