//! Moving house: one activation takes the slot of another.

use kaching_base::{ActivationId, ErrorCode, Seconds, Timestamp};

use super::{Activation, ActivationStatus};
use crate::{License, Refused};

/// The party that asks for a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mover {
    /// The present holder, with its credential.
    Holder,
    Operator,
    /// Anyone with the license key: it spends one of the license's moves.
    Key,
}

impl Mover {
    /// The holder of the activation's present credential. One that displaced a holder whose lease still runs was
    /// obtained by the key alone, and proves no more than the key does.
    pub fn with_credential(from: &Activation, now: Timestamp) -> Self {
        if from.displaced_runs_until(now).is_some() { Self::Key } else { Self::Holder }
    }
}

/// A move by the key alone counts for this long.
pub const MOVES_COUNT_FOR: Seconds = Seconds::days(30);

/// Whether a move by the key alone is left. `spent` are the times of those that count, the oldest first.
pub(crate) fn has_move(license: &License, spent: &[Timestamp], now: Timestamp) -> Result<(), Refused> {
    let allowed = usize::try_from(license.policy().moves).unwrap_or(0);
    if spent.len() < allowed {
        return Ok(());
    }
    if allowed == 0 {
        let detail = "This license does not move by its key alone: move it from the present installation, or ask your vendor.";
        return Err(Refused::new(ErrorCode::MovesExhausted, detail));
    }
    let next = spent[spent.len() - allowed] + MOVES_COUNT_FOR;
    let detail = format!(
        "All {allowed} moves of these 30 days are used; the next is possible at {}. Until then move it from the present installation, or ask your vendor.",
        Timestamp::from_seconds(next.seconds() + 1)
    );
    let retry_after_s = Some((next.since(now).0 + 1).max(1));
    Err(Refused { retry_after_s, ..Refused::new(ErrorCode::MovesExhausted, detail) })
}

/// The one that moves away, with all its credentials: it runs on for the move grace.
pub(crate) fn mark_moved(license: &License, activation: &Activation, now: Timestamp) -> Activation {
    Activation {
        status: ActivationStatus::Superseded,
        move_ends_at: Some(now + grace(license)),
        moved_generation: activation.credential.generation,
        ..activation.clone()
    }
}

/// How long an installation may still run after its activation moved.
pub(crate) fn grace(license: &License) -> Seconds {
    Seconds(license.policy().move_grace_s)
}

/// The activations whose move grace ends immediately, so that no more are in it than there are slots. `in_grace` are
/// the others, ordered by the end of their grace.
pub(crate) fn cut_short(license: &License, in_grace: &[ActivationId]) -> Vec<ActivationId> {
    let Some(slots) = license.slots() else { return Vec::new() };
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    let excess = (in_grace.len() + 1).saturating_sub(slots.max(1));
    in_grace.iter().take(excess).copied().collect()
}
