//! Binds a license to an installation, or finds that it already is.

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Code, ErrorCode, FingerprintKind, Timestamp, printable};

use super::{
    Activation, ActivationStatus, CredentialState, Displaced, Mover, Suspicion, admission, levels, moves,
};
use crate::{Fingerprint, Holder, License, Nonce, Refused, leases::Times, licenses};

/// A request to activate.
#[derive(Clone, Debug)]
pub struct ActivateRequest {
    pub product: Code,
    pub fingerprint: Fingerprint,
    pub kind: FingerprintKind,
    pub name: Option<String>,
    pub version: Option<String>,
    pub levels: BTreeMap<Code, u64>,
    pub nonce: Nonce,
    pub address: Option<String>,
}

/// The stored state, read under the license's lock.
#[derive(Clone, Debug)]
pub struct ActivateContext<'a> {
    pub license: &'a License,
    /// The product that the license is for.
    pub product: &'a Code,
    /// The fingerprint's activation.
    pub present: Option<&'a Activation>,
    /// Whether the nonce was seen on it within a day.
    pub nonce_seen: bool,
    /// The activation that moves here, and who asks for that.
    pub moving: Option<(&'a Activation, Mover)>,
    /// The number of activations that hold a slot. If none is free, lapsed ones are already written down.
    pub held: u64,
    /// The holders; needed only if no slot is free.
    pub holders: &'a [Holder],
    /// The activations in move grace, ordered by the end of their grace.
    pub in_grace: &'a [ActivationId],
    /// The times of the license's moves by its key alone within the period that counts, the oldest first.
    pub moves: &'a [Timestamp],
    /// The id of a new activation.
    pub new_id: ActivationId,
    pub now: Timestamp,
}

/// The decision.
#[derive(Clone, Debug)]
pub struct Decision {
    pub outcome: ActivateOutcome,
    /// As it is afterwards.
    pub activation: Activation,
    /// The credential that the new one displaces.
    pub displaced: Option<Displaced>,
    /// The one that moved away, as it is afterwards.
    pub superseded: Option<Activation>,
    /// The activations whose move grace ends immediately.
    pub cut_short: Vec<ActivationId>,
    /// Whether it spends one of the license's moves.
    pub spends_move: bool,
    /// The change of the license's count of active activations.
    pub delta: i64,
    /// The license as it is afterwards, where this activation starts its term.
    pub started: Option<License>,
    /// The times of the lease.
    pub times: Times,
}

/// The outcome of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivateOutcome {
    /// It was not active.
    Created,
    /// It was active, and has a new credential.
    Renewed,
    /// The same request again: the same credential.
    Repeated,
}

impl Decision {
    /// Whether it raises the license's revision; starting its term has raised it.
    pub fn raises_revision(&self) -> bool {
        self.superseded.is_some() || self.started.is_some()
    }
}

/// Decides. A lapse of the fingerprint's own activation need not be written down before.
///
/// # Errors
/// Why not: the first reason of [`admit`](super::admit), then a suspected copy, a move away, the moves, the slots.
pub fn activate(request: &ActivateRequest, s: &ActivateContext<'_>) -> Result<Decision, Refused> {
    let installation = Some((request.kind, &request.fingerprint));
    admission::admit(s.license, s.product, Some(&request.product), installation, s.now)?;
    let moving =
        s.moving.filter(|(from, _)| from.holds_slot(s.now) && from.fingerprint != request.fingerprint);
    if let Some(present) = s.present {
        may_return(present, s)?;
        if present.holds_slot(s.now) && present.credential.made_by.as_ref() == Some(&request.nonce) {
            return repeat(present, s);
        }
        if s.nonce_seen {
            return Err(answered_before());
        }
    }
    if let Some((_, Mover::Key)) = moving {
        moves::has_move(s.license, s.moves, s.now)
            .map_err(|refused| Refused { holders: s.holders.to_vec(), ..refused })?;
    }
    has_slot(s, moving.is_some())?;
    Ok(grant(request, s, moving))
}

fn answered_before() -> Refused {
    Refused::new(
        ErrorCode::CredentialInvalid,
        "This activation was answered before, and its credential is in use: activate with a new nonce.",
    )
}

fn may_return(present: &Activation, s: &ActivateContext<'_>) -> Result<(), Refused> {
    if present.suspicion.refuses(s.license.policy().copies) {
        return Err(copy_suspected());
    }
    if present.status == ActivationStatus::Superseded && s.moving.is_none() {
        return Err(moved_away());
    }
    Ok(())
}

pub(super) fn copy_suspected() -> Refused {
    Refused::new(
        ErrorCode::CopySuspected,
        "Two installations use this activation: ask your vendor to release it, then activate each on its own.",
    )
}

pub(super) fn moved_away() -> Refused {
    Refused::new(
        ErrorCode::ActivationSuperseded,
        "This activation was moved to another installation: to run here again, start with a takeover.",
    )
}

pub(super) fn no_free_slot(license: &License, holders: &[Holder]) -> Refused {
    let slots = license.slots().unwrap_or(u64::MAX);
    let whose = match holders {
        [] => String::new(),
        [one] => {
            format!(" It is held by {}.", one.name.as_deref().map_or_else(|| one.id.to_string(), printable))
        }
        many => format!(" They are held by {} installations.", many.len()),
    };
    let held = if slots == 1 { "The only slot is".to_owned() } else { format!("All {slots} slots are") };
    let detail = format!(
        "{held} in use.{whose} Deactivate one, take one over, or ask your vendor to release one or for a larger plan."
    );
    Refused { holders: holders.to_vec(), ..Refused::new(ErrorCode::ActivationLimitReached, detail) }
}

/// Checks that there is a slot. A move brings its own slot, unless the maximum was lowered by force below the present
/// use.
fn has_slot(s: &ActivateContext<'_>, moves: bool) -> Result<(), Refused> {
    let held = s.held.saturating_sub(u64::from(moves));
    let keeps = s.present.is_some_and(|present| present.holds_slot(s.now));
    match s.license.slots() {
        Some(slots) if held >= slots && !keeps => Err(no_free_slot(s.license, s.holders)),
        _ => Ok(()),
    }
}

/// Answers a repeated request, whose first answer was lost with its lease: the credential stays, the lease is a new
/// one.
fn repeat(present: &Activation, s: &ActivateContext<'_>) -> Result<Decision, Refused> {
    if present.credential.number > 0 {
        return Err(answered_before());
    }
    let times = Times::of(s.license, None, s.now);
    let run_until = present.run_until.max(times.run_until);
    let activation = Activation { run_until, last_seen_at: s.now, refused: None, ..present.clone() };
    Ok(Decision { activation, times, ..Decision::of(ActivateOutcome::Repeated, present.clone(), times) })
}

fn grant(
    request: &ActivateRequest,
    s: &ActivateContext<'_>,
    moving: Option<(&Activation, Mover)>,
) -> Decision {
    let started = licenses::start(s.license, s.now);
    let license = started.as_ref().unwrap_or(s.license);
    let times = Times::of(license, None, s.now);
    let renewed = s.present.is_some_and(|present| present.holds_slot(s.now));
    let outcome = if renewed { ActivateOutcome::Renewed } else { ActivateOutcome::Created };
    let nonce = Some(request.nonce.clone());
    let (activation, displaced) = enter(license, s.present, request, nonce, s.new_id, &times, s.now);
    let mut decision = Decision::of(outcome, activation, times);
    decision.displaced = displaced;
    decision.delta = 1 - s.present.map_or(0, Activation::counted);
    if let Some((from, mover)) = moving {
        decision.superseded = Some(moves::mark_moved(license, from, s.now));
        decision.spends_move = mover == Mover::Key;
        decision.delta -= from.counted();
        // A superseded one that returns is in move grace no more.
        let returns = s.present.filter(|present| present.status == ActivationStatus::Superseded);
        let others: Vec<_> =
            s.in_grace.iter().copied().filter(|id| returns.is_none_or(|present| present.id != *id)).collect();
        decision.cut_short = moves::cut_short(license, &others);
    }
    decision.started = started;
    decision
}

/// The fingerprint's activation in its next generation.
pub(super) fn enter(
    license: &License,
    present: Option<&Activation>,
    request: &ActivateRequest,
    made_by: Option<Nonce>,
    new_id: ActivationId,
    times: &Times,
    now: Timestamp,
) -> (Activation, Option<Displaced>) {
    let (credential, displaced) = match present {
        Some(present) => {
            let (next, displaced) = present.credential.succeed(made_by, now);
            (next, (displaced.generation > 0).then_some(displaced))
        }
        None => (CredentialState::first(made_by), None),
    };
    let kept = present.filter(|present| present.holds_slot(now));
    let reported = present.map(|present| &present.levels);
    let activation = Activation {
        id: present.map_or(new_id, |present| present.id),
        license: license.id,
        fingerprint: request.fingerprint.clone(),
        kind: request.kind,
        name: request.name.clone().or_else(|| present.and_then(|present| present.name.clone())),
        version: request.version.clone().or_else(|| present.and_then(|present| present.version.clone())),
        status: ActivationStatus::Active,
        credential,
        activated_at: kept.map_or(now, |kept| kept.activated_at),
        last_seen_at: now,
        run_until: kept.map_or(times.run_until, |kept| kept.run_until.max(times.run_until)),
        move_ends_at: present
            .filter(|present| present.status != ActivationStatus::Superseded)
            .and_then(|present| present.move_ends_at),
        moved_generation: present.map_or(0, |present| present.moved_generation),
        displaced_until: present.and_then(|present| displaced_until(present, now)),
        address: request.address.clone(),
        levels: levels::merge(license, reported.unwrap_or(&BTreeMap::new()), &request.levels),
        refused: None,
        suspicion: present.map_or_else(Suspicion::default, |present| present.suspicion.clone()),
    };
    (activation, displaced)
}

/// Returns until when a holder may run that the fingerprint's next credential displaces.
fn displaced_until(present: &Activation, now: Timestamp) -> Option<Timestamp> {
    // A credential that no activation made is in no use.
    let held = present.holds_slot(now) && present.credential.made_by.is_some();
    held.then_some(present.run_until).max(present.displaced_runs_until(now))
}

impl Decision {
    pub(super) fn of(outcome: ActivateOutcome, activation: Activation, times: Times) -> Self {
        Self {
            outcome,
            activation,
            displaced: None,
            superseded: None,
            cut_short: Vec::new(),
            spends_move: false,
            delta: 0,
            started: None,
            times,
        }
    }
}
