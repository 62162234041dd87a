#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod claims;
mod credential;
mod digest;
mod domain_name;
mod encode;
mod invalid;
mod json;
mod jwk;
mod jws;
mod license_key;
mod request;
mod root_key;
mod sign;
mod trusted;
mod unverified;

pub use claims::{
    Checkpoint, Claims, Grace, Keyset, Lease, Refusal, RefusalCode, StatementType, Validation,
    ValidationCode, not_before,
};
pub use credential::{Authorization, Credential};
pub use digest::Digest;
pub use domain_name::{DomainError, domain_name};
pub use encode::encode;
pub use invalid::Invalid;
pub use jwk::{Jwk, Jwks, KeyPurpose, PublicKey};
pub use jws::MAX_STATEMENT;
pub use license_key::{KeyError, KeyFormat, LicenseKey};
pub use request::request_hash;
pub use root_key::RootKey;
#[cfg(feature = "sign")]
pub use sign::{Ed25519Signer, RsaSigner};
pub use sign::{Sign, SignError};
pub use trusted::{Expected, Moment, TrustedKeyset};
pub use unverified::Unverified;
