use kaching_base::ErrorCode;

use super::{Activation, ActivationStatus, Suspicion};
use crate::Refused;

/// An operator frees the slot, and decides that a suspected copy is none.
///
/// # Errors
/// If it holds no slot, and no copy is suspected.
pub fn release(activation: &Activation) -> Result<Activation, Refused> {
    let held = matches!(activation.status, ActivationStatus::Active | ActivationStatus::Lapsed);
    if !held && !activation.suspicion.copy_suspected {
        let detail = format!(
            "This activation is {} and holds no slot: there is nothing to release.",
            activation.status.as_str()
        );
        return Err(Refused::new(ErrorCode::WrongState, detail));
    }
    let status = if held { ActivationStatus::Released } else { activation.status };
    Ok(Activation { status, suspicion: Suspicion::default(), ..activation.clone() })
}
