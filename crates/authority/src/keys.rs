//! The keys of the authority: what signs, what seals, what looks keys up.

mod data;
mod files;
mod issuer;
mod keyset;
mod master;
mod passphrase;
mod renew;
mod root;
mod rotate;
mod seal;
mod signing;
mod tokens;
mod withdraw;

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::hmac;
use kaching_base::{LeaseAlgorithm, Secret, Timestamp};
use kaching_license::{Claims, Jwks, LicenseKey, RootKey, Sign, encode};

use crate::{Error, Result};

pub use issuer::ChangedIssuer;
pub use master::MasterKey;
pub use passphrase::Locked;
pub use root::RootStore;
pub use rotate::PUBLISHED_BEFORE;
pub use withdraw::WithdrawnKey;

pub(crate) use data::DataKeys;
pub use files::write_private;
pub(crate) use keyset::{StoredKeyset, sign as sign_keyset, sign_again};
pub(crate) use passphrase::Unopened;
pub(crate) use renew::{alone, epoch, interrupted, next_epoch, set_epoch};
pub(crate) use root::{Root, RootKeeper};
pub(crate) use rotate::replace_ending_keys;
pub(crate) use seal::Sealer;
pub(crate) use signing::StoredKey;
pub(crate) use tokens::TokenKey;

/// Everything that one operation needs of the keys; replaced as a whole when one changes.
pub struct KeyRing {
    /// The authority's life between restores from backup.
    pub epoch: u64,
    /// The newest keyset's version.
    pub version: u64,
    /// When that keyset ends.
    pub keyset_ends_at: Timestamp,
    /// Whom that keyset speaks for, which is what statements name as their issuer: clients believe no other.
    pub issuer: String,
    /// The keyset, signed once by each root.
    pub keysets: Vec<String>,
    /// The public halves that products pin.
    pub roots: Vec<RootKey>,
    /// The public signing keys.
    pub jwks: Jwks,
    sealer: Sealer,
    lookup: hmac::Key,
    tokens: Option<TokenKey>,
    credential: Secret<[u8; 32]>,
    /// The keys that every root has signed in.
    listed: Vec<String>,
    signers: HashMap<LeaseAlgorithm, Signer>,
}

/// The key that signs for one algorithm at present.
struct Signer {
    key: Arc<dyn Sign>,
    ends_at: Timestamp,
}

impl KeyRing {
    /// Encrypts what stands in this table, column and row, and nowhere else.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn seal(&self, table: &str, column: &str, id: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        self.sealer.seal(&seal::place(table, column, id), plain)
    }

    /// Decrypts what [`seal`](Self::seal) made for the same place.
    ///
    /// # Errors
    /// If it was made for another place, under another key, or was changed.
    pub fn unseal(&self, table: &str, column: &str, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        self.sealer.unseal(&seal::place(table, column, id), sealed)
    }

    /// What a license key is found by: HMAC-SHA256 of its canonical form.
    pub fn lookup(&self, key: &LicenseKey) -> [u8; 32] {
        let tag = hmac::sign(&self.lookup, key.expose().as_bytes());
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Returns the key that authenticates API tokens.
    ///
    /// # Errors
    /// If no start has made it yet.
    pub(crate) fn tokens(&self) -> Result<&TokenKey> {
        self.tokens.as_ref().ok_or_else(|| {
            Error::Failure("the database lacks its token key: start the authority once more".to_owned())
        })
    }

    /// What tells one version of an object from another: half of an HMAC-SHA256. Its input begins as no license key
    /// does.
    pub(crate) fn version(&self, content: &[u8]) -> [u8; 16] {
        let mut mac = hmac::Context::with_key(&self.lookup);
        mac.update(b"kaching/version/v1\n");
        mac.update(content);
        *mac.sign().as_ref().first_chunk().expect("SHA-256 has 32 bytes")
    }

    /// What the secrets of credentials are made from.
    pub fn credential_key(&self) -> &Secret<[u8; 32]> {
        &self.credential
    }

    /// Whether there is a key for this algorithm that clients know.
    pub(crate) fn signs(&self, algorithm: LeaseAlgorithm) -> bool {
        self.signers.contains_key(&algorithm)
    }

    /// Whether every root has signed this key in.
    pub(crate) fn lists(&self, kid: &str) -> bool {
        self.listed.iter().any(|listed| listed == kid)
    }

    pub(crate) fn signer_ends_at(&self, algorithm: LeaseAlgorithm) -> Option<Timestamp> {
        self.signers.get(&algorithm).map(|signer| signer.ends_at)
    }

    /// Signs a statement; after COMMIT only.
    ///
    /// # Errors
    /// If there is no key of this algorithm, or the statement is too long.
    pub fn sign(&self, claims: &impl Claims, algorithm: LeaseAlgorithm) -> Result<String> {
        let signer = self
            .signers
            .get(&algorithm)
            .ok_or_else(|| Error::Failure(format!("there is no signing key for {algorithm}")))?;
        encode(claims, signer.key.as_ref())
            .map_err(|error| Error::Failure(format!("a statement cannot be signed: {error}")))
    }
}
