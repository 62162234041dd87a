//! The claims of statements, as types. Times are written in whole seconds, rounded down.

use std::collections::BTreeSet;

use kaching_base::{ActivationId, Code, LicenseId, LicenseType, Limits, Mode, Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Digest, Jwk};

mod frame;
mod kinds;
mod wire;

pub use frame::Claims;
pub(crate) use frame::{Frame, Framed};
pub use kinds::{RefusalCode, StatementType, ValidationCode};
pub(crate) use wire::numeric_date;
use wire::{codes, known, known_code, known_object, limits, nullable_date, object, one_code};

/// The statement that an activation may run, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The authority's public URL.
    pub iss: String,
    /// The product.
    #[serde(deserialize_with = "one_code")]
    pub aud: Code,
    /// The time of signing.
    #[serde(with = "numeric_date")]
    pub iat: Timestamp,
    /// The first moment at which it counts: [`not_before`] its `iat`.
    #[serde(with = "numeric_date")]
    pub nbf: Timestamp,
    /// The moment by which it should have been renewed.
    #[serde(with = "numeric_date")]
    pub exp: Timestamp,
    /// The version of the newest keyset.
    pub ks: u64,
    /// This statement's own name.
    pub jti: String,
    /// The license.
    pub sub: LicenseId,
    /// The activation.
    pub act: ActivationId,
    /// The SHA-256 of the fingerprint.
    pub fpr: Digest,
    /// Seconds until the next heartbeat.
    pub hb: u64,
    /// The hash of the request that it answers.
    pub req: Digest,
    /// The last moment at which the client may run on it.
    #[serde(with = "numeric_date")]
    pub run_until: Timestamp,
    /// The authority's epoch.
    pub epoch: u64,
    /// The license's revision.
    pub rev: u64,
    /// The plan, for people to read: never check a plan, check features.
    #[serde(deserialize_with = "one_code")]
    pub plan: Code,
    /// The license type.
    pub r#type: LicenseType,
    /// The features that are on.
    #[serde(deserialize_with = "codes")]
    pub features: BTreeSet<Code>,
    /// The maxima.
    #[serde(deserialize_with = "limits")]
    pub limits: Limits,
    /// The license's end; nothing is perpetual.
    #[serde(with = "nullable_date")]
    pub lic_exp: Option<Timestamp>,
    /// The times after which a missing renewal has an effect.
    #[serde(deserialize_with = "object")]
    pub grace: Grace,
    /// The SHA-256 of the catalogue's body.
    pub cat: Digest,
    /// The end of the audit log.
    #[serde(default, deserialize_with = "known_object", skip_serializing_if = "Option::is_none")]
    pub log: Option<Checkpoint>,
}

/// The grace of a product when something is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grace {
    /// Seconds without contact after a lease's end.
    pub offline_s: u64,
    /// Seconds after the license's end.
    pub expiry_s: u64,
    /// The effect of a refusal or of the end of grace.
    pub mode: Mode,
    /// The features that stay where the mode is `degrade`.
    #[serde(deserialize_with = "codes")]
    pub keep: BTreeSet<Code>,
}

/// The end of the audit log, at most an hour ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The hash of its tree.
    pub root: Digest,
}

/// The statement that an activation may not run, with the reason and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The authority's public URL.
    pub iss: String,
    /// The product, where known.
    #[serde(default, deserialize_with = "known_code", skip_serializing_if = "Option::is_none")]
    pub aud: Option<Code>,
    /// The time of signing.
    #[serde(with = "numeric_date")]
    pub iat: Timestamp,
    /// 60 seconds later.
    #[serde(with = "numeric_date")]
    pub exp: Timestamp,
    /// The version of the newest keyset.
    pub ks: u64,
    /// The license, where known.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub sub: Option<LicenseId>,
    /// The activation, where known.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub act: Option<ActivationId>,
    /// The hash of the request that it answers; a pushed one answers none.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub req: Option<Digest>,
    /// The authority's epoch.
    pub epoch: u64,
    /// The license's revision, where known.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
    /// Why.
    pub code: RefusalCode,
    /// The remedy, in a sentence.
    pub detail: String,
}

/// Whether a key is good: an answer to one question, and never a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The authority's public URL.
    pub iss: String,
    /// The product, where known.
    #[serde(default, deserialize_with = "known_code", skip_serializing_if = "Option::is_none")]
    pub aud: Option<Code>,
    /// The time of signing.
    #[serde(with = "numeric_date")]
    pub iat: Timestamp,
    /// 60 seconds later.
    #[serde(with = "numeric_date")]
    pub exp: Timestamp,
    /// The version of the newest keyset.
    pub ks: u64,
    /// The license, where known.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub sub: Option<LicenseId>,
    /// The hash of the request that it answers.
    pub req: Digest,
    /// The authority's epoch.
    pub epoch: u64,
    /// The license's revision, where known.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
    /// Why.
    pub code: ValidationCode,
    /// Yes or no.
    pub valid: bool,
}

/// The authority's public keys, signed by a root key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyset {
    /// The authority's public URL.
    pub iss: String,
    /// Grows with every keyset; clients refuse a lower one than they hold.
    pub version: u64,
    /// The authority's epoch.
    pub epoch: u64,
    /// The time of signing.
    #[serde(with = "numeric_date")]
    pub iat: Timestamp,
    /// The moment from which it verifies nothing new.
    #[serde(with = "numeric_date")]
    pub exp: Timestamp,
    /// The keys. Those of an algorithm or purpose that this version doesn't know are passed over.
    #[serde(deserialize_with = "crate::jwk::known_keys")]
    pub keys: Vec<Jwk>,
}

/// The `nbf` of what is signed at this moment: clocks may differ by 60 seconds.
pub fn not_before(iat: Timestamp) -> Timestamp {
    iat - Seconds(60)
}
