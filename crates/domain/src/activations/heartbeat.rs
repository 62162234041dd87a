//! Renews the lease of an activation, or says why not.

use std::collections::BTreeMap;

use kaching_base::{Code, ErrorCode, Timestamp};

use super::{
    Activation, ActivationStatus, Displaced, Suspicion, activate, admission,
    credential::{Presented, Shown, Verdict},
    levels,
};
use crate::{License, Nonce, Refused, leases::Times};

/// The content of a heartbeat with a valid MAC.
#[derive(Clone, Debug)]
pub struct HeartbeatRequest {
    pub generation: i64,
    pub number: i64,
    pub nonce: Nonce,
    /// Whether it names the activation's own fingerprint.
    pub own_fingerprint: bool,
    pub version: Option<String>,
    pub levels: BTreeMap<Code, u64>,
    pub address: Option<String>,
}

/// The stored state, read under the activation's lock.
#[derive(Clone, Debug)]
pub struct HeartbeatContext<'a> {
    pub license: &'a License,
    pub product: &'a Code,
    pub activation: &'a Activation,
    /// The stored data of the shown generation, if that is an old one.
    pub displaced: Option<&'a Displaced>,
    /// Whether a slot is free for one that lapsed: known only under the license's lock.
    pub free_slot: Option<bool>,
    pub now: Timestamp,
}

/// The decision.
#[derive(Clone, Debug)]
pub enum HeartbeatOutcome {
    /// Decide again under the license's lock: it lapsed, and needs a slot.
    NeedsSlot,
    /// `credential_invalid`.
    Fails(Remembered),
    /// Of a generation that was moved away: it runs on for the move grace, and is then refused. Nothing of the
    /// activation changes.
    Moved(Result<Times, Refused>),
    Answered(Box<Answered>),
}

/// The traces of a second holder that a credential showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub sighting: bool,
    pub suspicion: Suspicion,
    pub displaced: Option<Displaced>,
}

/// The heartbeat counts, and is answered with a statement.
#[derive(Clone, Debug)]
pub struct Answered {
    /// As it is afterwards.
    pub activation: Activation,
    pub verdict: Verdict,
    pub remembered: Remembered,
    /// The times of the lease, or the refusal.
    pub answer: Result<Times, Refused>,
    /// The change of the license's count of active activations.
    pub delta: i64,
}

/// Decides.
pub fn heartbeat(request: &HeartbeatRequest, s: &HeartbeatContext<'_>) -> HeartbeatOutcome {
    if is_moved_away(request, s.activation) {
        return HeartbeatOutcome::Moved(permit_moved(request, s));
    }
    let copies = s.license.policy().copies;
    let shown = Shown { generation: request.generation, number: request.number, nonce: &request.nonce };
    let Presented { verdict, sighting, suspicion, displaced } =
        s.activation.credential.present(&s.activation.suspicion, shown, s.displaced, copies, s.now);
    let remembered = Remembered { sighting, suspicion, displaced };
    let answer = if remembered.suspicion.refuses(copies) {
        Err(activate::copy_suspected())
    } else if verdict == Verdict::Fails {
        return HeartbeatOutcome::Fails(remembered);
    } else {
        match permit(request, s) {
            None => return HeartbeatOutcome::NeedsSlot,
            Some(answer) => answer,
        }
    };
    let activation = record(request, s, verdict, &remembered, &answer);
    let delta = activation.counted() - s.activation.counted();
    HeartbeatOutcome::Answered(Box::new(Answered { activation, verdict, remembered, answer, delta }))
}

/// Whether it is of a generation that a later one displaced and moved away.
fn is_moved_away(request: &HeartbeatRequest, activation: &Activation) -> bool {
    request.generation < activation.credential.generation && request.generation <= activation.moved_generation
}

fn permit_moved(request: &HeartbeatRequest, s: &HeartbeatContext<'_>) -> Result<Times, Refused> {
    if !request.own_fingerprint {
        return Err(fingerprint_mismatch());
    }
    admitted(s)?;
    match s.activation.is_in_move_grace(s.now) {
        true => Ok(Times::of(s.license, s.activation.move_ends_at, s.now)),
        false => Err(activate::moved_away()),
    }
}

fn admitted(s: &HeartbeatContext<'_>) -> Result<(), Refused> {
    let installation = Some((s.activation.kind, &s.activation.fingerprint));
    admission::admit(s.license, s.product, None, installation, s.now)
}

fn deactivated() -> Refused {
    let detail = "This installation gave its license back: start it again to activate it.";
    Refused::new(ErrorCode::ActivationDeactivated, detail)
}

fn fingerprint_mismatch() -> Refused {
    let detail = "This activation belongs to another installation: activate this one on its own.";
    Refused::new(ErrorCode::FingerprintMismatch, detail)
}

/// Returns the times of the lease or the refusal; `None` if that depends on a free slot, which was not looked for yet.
fn permit(request: &HeartbeatRequest, s: &HeartbeatContext<'_>) -> Option<Result<Times, Refused>> {
    let held = s.activation;
    if !request.own_fingerprint {
        return Some(Err(fingerprint_mismatch()));
    }
    let standing = match held.status {
        // Its present credential gave the slot back, even if another one is in move grace.
        ActivationStatus::Deactivated => admitted(s).and(Err(deactivated())),
        _ => standing(s.license, s.product, held, s.now),
    };
    if let Err(refused) = standing {
        return Some(Err(refused));
    }
    if held.is_lapsed(s.now) && !s.free_slot? {
        return Some(Err(activate::no_free_slot(s.license, &[])));
    }
    let moves_away = held.status == ActivationStatus::Superseded;
    Some(Ok(Times::of(s.license, held.move_ends_at.filter(|_| moves_away), s.now)))
}

/// Whether an installation with a lease of this activation may run, as far as that needs no heartbeat: only with one is
/// it known of which generation the lease is, and whether a slot is free.
///
/// # Errors
/// Why not.
pub fn standing(
    license: &License,
    product: &Code,
    activation: &Activation,
    now: Timestamp,
) -> Result<(), Refused> {
    let installation = Some((activation.kind, &activation.fingerprint));
    admission::admit(license, product, None, installation, now)?;
    if activation.suspicion.refuses(license.policy().copies) {
        return Err(activate::copy_suspected());
    }
    match activation.status {
        ActivationStatus::Active | ActivationStatus::Lapsed => Ok(()),
        ActivationStatus::Superseded if activation.is_in_move_grace(now) => Ok(()),
        ActivationStatus::Superseded => Err(activate::moved_away()),
        ActivationStatus::Deactivated if activation.is_in_move_grace(now) => Ok(()),
        ActivationStatus::Deactivated if activation.move_ends_at.is_some() => Err(activate::moved_away()),
        ActivationStatus::Deactivated => Err(deactivated()),
        ActivationStatus::Released => Err(Refused::new(
            ErrorCode::ActivationReleased,
            "Your vendor released this activation: start the product again to activate it.",
        )),
    }
}

fn record(
    request: &HeartbeatRequest,
    s: &HeartbeatContext<'_>,
    verdict: Verdict,
    remembered: &Remembered,
    answer: &Result<Times, Refused>,
) -> Activation {
    let mut after = s.activation.clone();
    after.suspicion = remembered.suspicion.clone();
    after.last_seen_at = s.now;
    if verdict == Verdict::Advances {
        after.credential.number = request.number;
        after.credential.nonce = Some(request.nonce.clone());
        after.address = request.address.clone().or(after.address);
    }
    after.refused = answer.as_ref().err().map(|refused| refused.code);
    match answer {
        Ok(times) => {
            if verdict == Verdict::Advances {
                after.levels = levels::merge(s.license, &after.levels, &request.levels);
                after.version = request.version.clone().or(after.version);
            }
            after.run_until = after.run_until.max(times.run_until);
            if after.status == ActivationStatus::Lapsed {
                after.status = ActivationStatus::Active;
            }
        }
        Err(refused) if refused.code == ErrorCode::ActivationLimitReached => {
            after.status = ActivationStatus::Lapsed;
        }
        Err(_) => {}
    }
    after
}

impl Remembered {
    /// Whether the activation's row has to change although the heartbeat failed.
    pub fn differs_from(&self, activation: &Activation) -> bool {
        self.suspicion != activation.suspicion || self.displaced.is_some()
    }
}
