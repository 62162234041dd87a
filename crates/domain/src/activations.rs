//! Activations: a license in use by one fingerprint.

pub mod activate;
mod admission;
mod bindings;
mod counters;
pub mod credential;
pub mod deactivate;
mod fingerprint;
pub mod heartbeat;
mod lapse;
mod levels;
mod moves;
mod nonce;
pub mod operator_move;
mod release;

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Code, ErrorCode, FingerprintKind, LicenseId, Seconds, Timestamp};

use crate::word::word;

pub use admission::{accepts_kind, admit, bound_elsewhere};
pub(crate) use admission::{end, start};
pub use counters::known_counter;
pub use credential::{CredentialState, Displaced, Suspicion};
pub use fingerprint::Fingerprint;
pub use heartbeat::standing;
pub use lapse::lapse;
pub use levels::known_levels;
pub use moves::{MOVES_COUNT_FOR, Mover};
pub use nonce::Nonce;
pub use release::release;

/// A license in use by one fingerprint; holds one slot while it is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    pub id: ActivationId,
    pub license: LicenseId,
    pub fingerprint: Fingerprint,
    pub kind: FingerprintKind,
    pub name: Option<String>,
    pub version: Option<String>,
    pub status: ActivationStatus,
    pub credential: CredentialState,
    pub activated_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The last moment at which a lease that was given lets it run.
    pub run_until: Timestamp,
    /// The end of the last move grace: until then the generations that were moved away run on.
    pub move_ends_at: Option<Timestamp>,
    /// Generations up to this one were moved away; 0 where none was.
    pub moved_generation: i64,
    /// Until when leases let an earlier generation run that the present one displaced.
    pub displaced_until: Option<Timestamp>,
    /// The address it was last heard from.
    pub address: Option<String>,
    pub levels: BTreeMap<Code, u64>,
    /// The last answer, where that was a refusal.
    pub refused: Option<ErrorCode>,
    /// The evidence for two holders of one credential.
    pub suspicion: Suspicion,
}

/// The stored status of an activation. An active one whose `lapses_at` has passed counts as lapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationStatus {
    Active,
    Lapsed,
    Deactivated,
    Superseded,
    Released,
}

/// The holder of a slot, as it is shown to a caller that finds none free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub id: ActivationId,
    pub name: Option<String>,
    pub kind: FingerprintKind,
    pub since: Timestamp,
    pub last_seen_at: Timestamp,
}

/// A slot is free this long after its holder may last have run: clocks differ.
pub const CLEARANCE: Seconds = Seconds(60);

impl Activation {
    /// The time at which the slot is free without another heartbeat; `None` if it is free already.
    pub fn lapses_at(&self) -> Option<Timestamp> {
        (self.status == ActivationStatus::Active).then_some(self.run_until + CLEARANCE)
    }

    /// Whether its time has passed, written down or not.
    pub fn is_lapsed(&self, now: Timestamp) -> bool {
        self.status == ActivationStatus::Lapsed || self.lapses_at().is_some_and(|at| now >= at)
    }

    /// Whether it holds its slot at this moment.
    pub fn holds_slot(&self, now: Timestamp) -> bool {
        self.status == ActivationStatus::Active && !self.is_lapsed(now)
    }

    /// Returns until when a holder may run that the present credential displaced, if there can be one.
    pub fn displaced_runs_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.displaced_until.filter(|until| *until > now)
    }

    /// Whether a generation that was moved away may run on for its grace.
    pub fn is_in_move_grace(&self, now: Timestamp) -> bool {
        self.move_ends_at.is_some_and(|end| end > now)
    }

    /// One if its row counts among the license's active ones.
    pub(crate) fn counted(&self) -> i64 {
        i64::from(self.status == ActivationStatus::Active)
    }

    /// Returns the holder as it is shown to a caller that finds no slot free.
    pub fn as_holder(&self) -> Holder {
        Holder {
            id: self.id,
            name: self.name.clone(),
            kind: self.kind,
            since: self.activated_at,
            last_seen_at: self.last_seen_at,
        }
    }
}

word!(ActivationStatus {
    Active = "active",
    Lapsed = "lapsed",
    Deactivated = "deactivated",
    Superseded = "superseded",
    Released = "released"
});
