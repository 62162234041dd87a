//! An installation gives its slot back.

use kaching_base::{ActivationId, Timestamp};

use super::{Activation, ActivationStatus, Displaced, moves};
use crate::License;

/// The state when a slot is given back, under the license's lock.
#[derive(Clone, Copy, Debug)]
pub struct DeactivateContext<'a> {
    pub license: &'a License,
    pub activation: &'a Activation,
    /// Other activations in move grace, ordered by the end of their grace.
    pub in_grace: &'a [ActivationId],
    /// The times of the license's moves by its key alone within the period that counts, the oldest first.
    pub moves: &'a [Timestamp],
    pub now: Timestamp,
}

/// The result for the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// The slot is free, or the move grace ended.
    Freed(Activation),
    /// The slot is free by a move of the key: the holder that was displaced runs on for the move grace.
    Moved {
        activation: Activation,
        /// The activations whose move grace ends immediately.
        cut_short: Vec<ActivationId>,
    },
    /// No move by the key is left: no installation has the new credential, and the slot stays held for the fingerprint
    /// until the displaced holder's lease has ended.
    Held { activation: Activation, displaced: Displaced },
}

/// Decides; `None` where the activation holds nothing any more.
///
/// A credential that displaced a holder was obtained by the key alone. If giving back its slot simply freed it, anyone
/// with the key could free the slot of a running installation; so it counts as a move by the key.
pub fn deactivate(s: &DeactivateContext<'_>) -> Option<GivenBack> {
    let now = s.now;
    let mut after = Activation { last_seen_at: now, ..s.activation.clone() };
    match s.activation.status {
        ActivationStatus::Active | ActivationStatus::Lapsed => match s.activation.displaced_runs_until(now) {
            Some(until) => return Some(move_by_key(s, after, until)),
            None => after.status = ActivationStatus::Deactivated,
        },
        // It stays superseded, so that it never activates again without a takeover.
        ActivationStatus::Superseded if s.activation.is_in_move_grace(now) => {
            // The grace is that of the displaced holder as well, which did not give anything back.
            s.activation.displaced_runs_until(now).map_or(Some(()), |_| None)?;
            after.move_ends_at = Some(now);
        }
        _ => return None,
    }
    Some(GivenBack::Freed(after))
}

fn move_by_key(s: &DeactivateContext<'_>, mut after: Activation, until: Timestamp) -> GivenBack {
    if moves::has_move(s.license, s.moves, s.now).is_err() {
        let (nobodys, displaced) = after.credential.succeed(None, s.now);
        after.credential = nobodys;
        after.run_until = until;
        return GivenBack::Held { activation: after, displaced };
    }
    after.status = ActivationStatus::Deactivated;
    after.moved_generation = after.credential.generation - 1;
    after.move_ends_at = Some(until.min(s.now + moves::grace(s.license)));
    after.displaced_until = None;
    GivenBack::Moved { activation: after, cut_short: moves::cut_short(s.license, s.in_grace) }
}
