//! Activations: what a product's client asks for, and what operators do about it.

mod activate;
mod beats;
mod deactivate;
mod decided;
mod heartbeat;
mod lapse;
mod list;
mod release;
mod relocate;
mod repeated;
mod respell;
mod slots;
pub(crate) mod sql;
mod store;
mod usage;

use std::collections::BTreeMap;

use kaching_base::{ActivationId, Code, ErrorCode, FingerprintKind, Secret, Timestamp};
use kaching_domain::{Activation, ActivationStatus, Fingerprint, Nonce, Quota, Refused};
use kaching_license::{Authorization, Credential, Digest, LicenseKey};

use crate::{Error, Result, keys::KeyRing};

pub(crate) use beats::{Beats, Grounds, gather};
pub(crate) use lapse::{forget_nonces, lapse_due};
pub use list::ActivationFilter;
pub(crate) use repeated::write_repeated;

/// What a product call gives: what was asked for, or the answer no. Both are committed.
pub enum Answer<T> {
    Granted(T),
    Refused(Refusal),
}

/// The answer no, with the statement on which a client acts.
#[derive(Debug)]
pub struct Refusal {
    pub refused: Box<Refused>,
    /// `refusal+jwt`, for the codes that are signed.
    pub statement: Option<String>,
}

/// That the sender of a call holds the secret of the credential that it names: there is none that was not checked.
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
    pub takeover: Option<ActivationId>,
    /// The credential of the activation that moves, where its holder asks; it signed [`Self::request`].
    pub proof: Option<Proof>,
    pub nonce: Nonce,
    /// The request hash, whose identity is that of the proof or empty.
    pub request: Digest,
    /// Whether an installation may be admitted that the license never had and that takes over from none; a refusal comes
    /// before `rate_limited`.
    pub admits_new: bool,
}

/// The license is bound to the installation.
pub struct Activated {
    pub activation: Activation,
    /// Whether it was not active before.
    pub created: bool,
    /// Whether the license never had this installation, and it took the place of none.
    pub first: bool,
    /// `lease+jwt`.
    pub lease: String,
    /// `<activation id>.<generation>.<secret>`: sent once.
    pub credential: Secret<String>,
    pub quotas: Vec<Quota>,
    /// `keyset+jwt` of the first root.
    pub keyset: String,
    /// What was ignored.
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
    /// By limit; nothing where the client said nothing.
    pub levels: Option<BTreeMap<String, u64>>,
    pub usage: Vec<Usage>,
}

/// How a product says it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// `ok`, `degraded` or `down`.
    pub status: String,
    pub detail: Option<String>,
}

/// An increment of a counter, as the product told it.
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
    /// What was ignored.
    pub warnings: Vec<String>,
}

/// `POST /v1/deactivate`.
#[derive(Clone)]
pub struct Deactivate {
    pub proof: Proof,
    pub nonce: Nonce,
}

/// Where an operator moves an activation to.
#[derive(Clone)]
pub struct MoveTo {
    pub fingerprint: String,
    /// That of the present one unless said otherwise.
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

    /// What the call showed: this activation, generation and number.
    pub fn authorization(&self) -> &Authorization {
        &self.authorization
    }

    /// The hash that the credential signed, and that the answer repeats in `req`.
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

/// What a client is told whose credential proves nothing; it activates again.
pub(crate) fn credential_invalid() -> Error {
    let detail = "This credential does not prove the activation any more: activate again.";
    Error::coded(ErrorCode::CredentialInvalid, detail)
}

/// There is no such activation; a client activates again.
pub(crate) fn unknown() -> Error {
    Error::coded(ErrorCode::ActivationNotFound, "There is no such activation.")
}

/// The activation as people see it: an active one whose time has passed is lapsed.
pub(crate) fn shown(mut activation: Activation, now: Timestamp) -> Activation {
    if activation.is_lapsed(now) {
        activation.status = ActivationStatus::Lapsed;
    }
    activation
}
