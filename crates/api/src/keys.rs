#[cfg(feature = "openapi")]
use crate::texts::IssuerText;
use kaching_base::{LeaseAlgorithm, Timestamp};
use serde::{Deserialize, Serialize};

/// A signing key; its address is its `kid`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Key {
    /// The first 16 characters of the RFC 7638 thumbprint.
    pub kid: String,
    /// The algorithm.
    pub alg: LeaseAlgorithm,
    /// The purpose.
    pub purpose: KeyPurpose,
    /// Signs from here on.
    pub nbf: Timestamp,
    /// Signs until here.
    pub exp: Timestamp,
    /// Whether new statements are signed with it.
    pub current: bool,
}

/// The purpose of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum KeyPurpose {
    /// Leases, refusals and validations.
    Lease,
    /// License files.
    File,
    /// License keys that can be verified offline.
    Key,
    /// Checkpoints of the audit log.
    Audit,
}

/// `POST /v1/admin/keys`: a new key that takes over; the old one verifies on to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyCreate {
    /// The purpose.
    pub purpose: KeyPurpose,
    /// `EdDSA` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<LeaseAlgorithm>,
}

/// `POST /v1/admin/keys/{id}/withdraw`: a key that clients no longer trust once they have the newest keyset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WithdrawnKey {
    /// The key that was withdrawn.
    pub kid: String,
    /// The key that was made in the same step, where there was no other of its purpose and algorithm; else null.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub successor: Option<String>,
}

/// `POST /v1/admin/keys/issuer`: what statements are to name as their issuer from now on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuerChange {
    /// The public URL: `https://…`, or `http://…` on loopback addresses.
    #[cfg_attr(feature = "openapi", schema(value_type = IssuerText))]
    pub issuer: String,
}

/// An issuer that took the place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangedIssuer {
    /// The issuer that statements name.
    pub issuer: String,
    /// The issuer that they named before.
    pub before: String,
    /// The keys that were made in the same step, and sign from now on.
    pub keys: Vec<String>,
}

/// A root key's public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Root {
    /// `kaching-root:<base64url>`: what a product pins.
    pub root: String,
}
