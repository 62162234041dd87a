use kaching_base::Timestamp;

use super::{Activation, ActivationStatus};

/// Writes down that its time has passed; nothing if it has not, or is written already.
pub fn lapse(activation: &Activation, now: Timestamp) -> Option<Activation> {
    let lapsed = activation.status == ActivationStatus::Active && activation.is_lapsed(now);
    lapsed.then(|| Activation { status: ActivationStatus::Lapsed, ..activation.clone() })
}
