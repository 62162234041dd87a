//! An installation gives its slot back.

use kaching_base::Timestamp;

use super::{Activation, ActivationStatus};

/// The activation afterwards; nothing where it holds nothing any more.
///
/// A superseded one stays superseded, so that it never activates again by itself; only its move grace ends.
pub fn deactivate(activation: &Activation, now: Timestamp) -> Option<Activation> {
    let mut after = Activation { last_seen_at: now, ..activation.clone() };
    match activation.status {
        ActivationStatus::Active | ActivationStatus::Lapsed => after.status = ActivationStatus::Deactivated,
        ActivationStatus::Superseded if activation.move_ends_at.is_some_and(|at| at > now) => {
            after.move_ends_at = Some(now);
        }
        _ => return None,
    }
    Some(after)
}
