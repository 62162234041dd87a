//! Activations: a license in use by one fingerprint.

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Code, FingerprintKind, LicenseId, ParseError, Timestamp};

use crate::licenses::word;

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
    /// Raised by each new activation of the fingerprint.
    pub generation: i64,
    pub activated_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The last moment at which the newest lease lets it run.
    pub run_until: Timestamp,
    /// When the slot is free without another heartbeat: 60 seconds after `run_until`.
    pub lapses_at: Timestamp,
    /// The end of the move grace, once it was superseded.
    pub move_ends_at: Option<Timestamp>,
    /// The address it was last heard from.
    pub address: Option<String>,
    pub levels: BTreeMap<Code, u64>,
}

/// The string that identifies an installation: 1 to 256 bytes, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

/// What is stored of an activation's life. An active one whose `lapses_at` has passed counts as lapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationStatus {
    Active,
    Lapsed,
    Deactivated,
    Superseded,
    Released,
}

/// Who holds a slot, as told to those who find none free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub id: ActivationId,
    pub name: Option<String>,
    pub kind: FingerprintKind,
    pub since: Timestamp,
    pub last_seen_at: Timestamp,
}

impl Fingerprint {
    /// The fingerprint of this text.
    ///
    /// # Errors
    /// If it is empty or longer than 256 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, ParseError> {
        let text = text.into();
        match text.len() {
            1..=256 => Ok(Self(text)),
            0 => Err(ParseError::new("a fingerprint is not empty")),
            long => Err(ParseError::new(format!("a fingerprint is at most 256 bytes, not {long}"))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

word!(ActivationStatus {
    Active = "active",
    Lapsed = "lapsed",
    Deactivated = "deactivated",
    Superseded = "superseded",
    Released = "released"
});
