//! Activations: what a product's client asks for, and what operators do about it.

mod activate;
mod admit;
mod deactivate;
mod heartbeat;
mod leasing;
mod list;
mod relocate;
mod release;
pub(crate) mod sql;

use std::collections::BTreeMap;

use kaching_base::{Code, FingerprintKind, Secret, Timestamp};
use kaching_domain::{Activation, ActivationStatus, Fingerprint, Nonce, Quota, Refused};
use kaching_license::{Authorization, Digest, LicenseKey};

pub use list::ActivationFilter;
pub(crate) use leasing::Leasing;

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

/// A call that carries a credential: `Authorization: Kaching …` and the hash of the request it came with.
#[derive(Clone, Debug)]
pub struct Proof {
    pub authorization: Authorization,
    /// [`Authorization::request_hash`] of the call: what the credential signs and `req` answers.
    pub request: Digest,
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
    pub takeover: Option<kaching_base::ActivationId>,
    /// The credential of the activation that moves, where its holder asks; its `request` equals [`Self::request`].
    pub proof: Option<Proof>,
    pub nonce: Nonce,
    /// The request hash, whose identity is that of the proof or empty.
    pub request: Digest,
}

/// The license is bound to the installation.
pub struct Activated {
    pub activation: Activation,
    /// Whether it was not active before.
    pub created: bool,
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
    pub fingerprint: Fingerprint,
    /// That of the present one unless said otherwise.
    pub kind: Option<FingerprintKind>,
    pub name: Option<String>,
}

/// One page of a list.
pub struct ActivationPage {
    pub items: Vec<Activation>,
    /// What `after` takes for the page behind it.
    pub next: Option<String>,
}

/// Every operation on activations, beside the product calls of `validate`, `status`, `catalogue`, `changes` and
/// `reports`:
///
/// ```text
/// activate(cx, Activate)                 -> Result<Answer<Activated>>
/// heartbeat(cx, Heartbeat)               -> Result<Answer<Renewed>>     credential_invalid, activation_not_found: Err
/// deactivate(cx, Deactivate)             -> Result<()>                  the same
/// report(cx, Report)                     -> Result<()>                  the same
/// validate(Validate)                     -> Result<Validated>
/// bearer(lease)                          -> Result<Bearer>              unauthenticated: Err
/// status(Asker)                          -> Result<Standing>            Asker::Lease(Bearer) | Asker::Key(LicenseKey)
/// catalogue(Asker)                       -> Result<Arc<Catalogue>>      body: the bytes, etag: their SHA-256
/// wait_for_change(Bearer, rev, longest)  -> Result<Change>
/// list_activations(ActivationFilter)     -> Result<ActivationPage>
/// show_activation(ActivationId)          -> Result<Activation>
/// release_activation(cx, id, reason)     -> Result<Activation>
/// move_activation(cx, id, MoveTo)        -> Result<Activation>          the new one
/// ```
pub mod operations {}

/// What [`ActivationFilter`] finds by status: an active one whose time has passed counts as lapsed.
pub(crate) fn shown(mut activation: Activation, now: Timestamp) -> Activation {
    if activation.is_lapsed(now) {
        activation.status = ActivationStatus::Lapsed;
    }
    activation
}
