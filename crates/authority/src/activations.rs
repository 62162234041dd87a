//! Activations: what a product's client asks for, and what operators do about it.

mod activate;
mod deactivate;
mod decided;
mod details;
mod heartbeat;
mod lapse;
mod list;
mod move_activation;
mod record;
mod release;
mod repeated;
mod respell;
mod slots;
pub(crate) mod sql;
mod usage;

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Code, ErrorCode, FingerprintKind, Secret, Timestamp};
use kaching_domain::{Activation, ActivationStatus, Fingerprint, Nonce, Quota, Refused};
use kaching_license::{Authorization, Credential, Digest, LicenseKey};

use crate::{Error, Result, keys::KeyRing};

pub use details::{ActivationDetails, ActivationFilter, ReportedHealth};
pub(crate) use heartbeat::{HeartbeatBatcher, heartbeat_batcher};
pub(crate) use lapse::{forget_nonces, lapse_due};
pub(crate) use repeated::write_repeated;
pub(crate) use usage::roll_up_usage;

/// The answer to a product's call: granted or refused. Both are committed.
pub enum Answer<T> {
    Granted(T),
    Refused(Refusal),
}

/// A refusal, with the statement on which a client acts.
#[derive(Debug)]
pub struct Refusal {
    pub refused: Box<Refused>,
    /// `refusal+jwt`, for the codes that are signed.
    pub statement: Option<String>,
}

/// Proof that the sender of a call holds the secret of the credential that it names. Only a check makes one.
#[derive(Clone, Debug)]
pub struct Proof {
    authorization: Authorization,
    request: Digest,
}

/// `POST /v1/activate`.
#[derive(Clone)]
pub struct Activate {
    pub key: LicenseKey,
    pub product: Code,
    pub fingerprint: Fingerprint,
    pub kind: FingerprintKind,
    pub name: Option<String>,
    pub version: Option<String>,
    /// By limit; names that the license does not limit are ignored with a warning.
    pub levels: BTreeMap<String, u64>,
    /// The activation that moves here.
    pub moves_from: Option<ActivationId>,
    /// The credential of the activation that moves, where its holder asks; it signed [`Self::request`].
    pub proof: Option<Proof>,
    pub nonce: Nonce,
    /// The request hash, whose identity is that of the proof or empty.
    pub request: Digest,
    /// Whether an installation that the license never had may be admitted without a move. A refusal comes before
    /// `rate_limited`.
    pub admits_new: bool,
}

/// The license is bound to the installation.
pub struct Activated {
    pub activation: Activation,
    /// Whether it was not active before.
    pub created: bool,
    /// Whether the license never had this installation, and no other one moved to it.
    pub first: bool,
    /// `lease+jwt`.
    pub lease: String,
    /// `<activation id>.<generation>.<secret>`: sent once.
    pub credential: Secret<String>,
    pub quotas: Vec<Quota>,
    /// `keyset+jwt` of the first root.
    pub keyset: String,
    /// One for each part of the request that was ignored.
    pub warnings: Vec<String>,
}

/// `POST /v1/heartbeat`.
#[derive(Clone)]
pub struct Heartbeat {
    pub proof: Proof,
    pub nonce: Nonce,
    /// SHA-256 of the fingerprint.
    pub fpr: Digest,
    pub version: Option<String>,
    pub health: Option<Health>,
    /// By limit; `None` where the client reported none.
    pub levels: Option<BTreeMap<String, u64>>,
    pub usage: Vec<Usage>,
}

/// The health that a product reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `ok`, `degraded` or `down`.
    pub status: String,
    pub detail: Option<String>,
}

/// An increment of a counter, as the product reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub meter: String,
    pub amount: u64,
    /// A repeated one is the same increment.
    pub seq: u64,
    pub at: Timestamp,
}

/// The lease is renewed.
pub struct Renewed {
    pub lease: String,
    pub quotas: Vec<Quota>,
    /// One for each part of the request that was ignored.
    pub warnings: Vec<String>,
}

/// `POST /v1/deactivate`.
#[derive(Clone)]
pub struct Deactivate {
    pub proof: Proof,
    pub nonce: Nonce,
}

/// The installation to which an operator moves an activation.
#[derive(Clone)]
pub struct MoveTo {
    pub fingerprint: String,
    /// The kind of the present fingerprint by default.
    pub kind: Option<FingerprintKind>,
    pub name: Option<String>,
}

impl Proof {
    /// Checks the mac of `Authorization: Kaching …` over [`Authorization::request_hash`] of the call; this asks no
    /// database.
    ///
    /// # Errors
    /// `credential_invalid`.
    pub fn check(keys: &KeyRing, authorization: Authorization, request: Digest) -> Result<Self> {
        let Authorization { activation, generation, .. } = authorization;
        let credential = Credential::derive(keys.credential_key(), activation, generation);
        let good = authorization.verify(&credential.secret, &request);
        if good { Ok(Self { authorization, request }) } else { Err(credential_invalid()) }
    }

    /// Returns the activation, generation and number that the call showed.
    pub fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// Returns the hash that the credential signed and the answer repeats in `req`.
    pub fn request(&self) -> Digest {
        self.request
    }

    /// Whether it is the activation's present credential, in a call other than a heartbeat.
    pub(crate) fn is_present(&self, activation: &Activation) -> bool {
        let Authorization { activation: id, generation, number, .. } = self.authorization;
        id == activation.id
            && number == 0
            && i64::try_from(generation) == Ok(activation.credential.generation)
    }
}

/// Returns the error for a credential that proves nothing any more. The client activates again.
pub(crate) fn credential_invalid() -> Error {
    let detail = "This credential does not prove the activation any more: activate again.";
    Error::coded(ErrorCode::CredentialInvalid, detail)
}

/// Returns the error for an activation that does not exist. A client activates again.
pub(crate) fn unknown() -> Error {
    Error::coded(ErrorCode::ActivationNotFound, "There is no such activation.")
}

/// Returns the activation as people see it: an active one whose time has passed is lapsed.
pub(crate) fn shown(mut activation: Activation, now: Timestamp) -> Activation {
    if activation.is_lapsed(now) {
        activation.status = ActivationStatus::Lapsed;
    }
    activation
}
