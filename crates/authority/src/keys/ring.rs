//! The key ring: everything that one operation needs of the keys.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::hmac;
use kaching_base::{LeaseAlgorithm, Secret, Timestamp};
use kaching_license::{Claims, Jwks, KeyPurpose, LicenseKey, RootKey, Sign, encode};

use super::{DataKeys, Sealer, StoredKey, StoredKeyset, TokenKey, seal, stored::StoredKeys};
use crate::{Error, Result};

/// The keys of one operation; replaced as a whole when one changes.
pub struct KeyRing {
    /// The authority's life between restores from backup.
    pub epoch: u64,
    /// The newest keyset's version.
    pub version: u64,
    /// When that keyset ends.
    pub keyset_ends_at: Timestamp,
    /// The issuer of that keyset. Statements name it, and clients accept no other.
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
    /// A ring that opens values and signs nothing, for the start.
    pub(crate) fn empty(data: &DataKeys) -> Self {
        Self::of(
            data,
            StoredKeys { epoch: 1, keys: Vec::new(), keysets: Vec::new(), root_in_database: None },
            Timestamp::from_micros(0),
        )
    }

    /// A ring that opens values, and whose entries are of this epoch, for the end of a restore.
    pub(crate) fn of_epoch(data: &DataKeys, epoch: u64) -> Self {
        Self { epoch, ..Self::empty(data) }
    }

    pub(super) fn of(data: &DataKeys, stored: StoredKeys, now: Timestamp) -> Self {
        let mut signers = HashMap::new();
        let mut listed = Vec::new();
        // Oldest first: the newest that is valid signs, once every root has signed it in.
        for StoredKey { jwk, signer, .. } in &stored.keys {
            if stored.keysets.is_empty() || !stored.keysets.iter().all(|keyset| keyset.lists(signer.kid())) {
                continue;
            }
            listed.push(signer.kid().to_owned());
            if jwk.purpose == KeyPurpose::Lease && jwk.nbf <= now {
                let (key, ends_at) = (Arc::clone(signer), jwk.exp);
                signers.insert(signer.algorithm(), Signer { key, ends_at });
            }
        }
        Self {
            epoch: stored.epoch,
            issuer: stored.keysets.first().map(|keyset| keyset.issuer.clone()).unwrap_or_default(),
            keyset_ends_at: stored.keysets.first().map_or(now, StoredKeyset::ends_at),
            version: stored.keysets.first().map_or(0, |keyset| keyset.version),
            roots: stored.keysets.iter().map(|keyset| keyset.root).collect(),
            keysets: stored.keysets.into_iter().map(|keyset| keyset.statement).collect(),
            jwks: Jwks { keys: stored.keys.iter().map(|key| key.jwk.clone()).collect() },
            sealer: Sealer::new(&data.seal),
            lookup: hmac::Key::new(hmac::HMAC_SHA256, data.lookup.expose()),
            tokens: data.token.as_ref().map(TokenKey::new),
            credential: data.credential.clone(),
            listed,
            signers,
        }
    }

    /// Encrypts a value for this table, column and row: it cannot be read in any other.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn seal(&self, table: &str, column: &str, id: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        self.sealer.seal(&seal::place(table, column, id), plain)
    }

    /// Decrypts a value that [`seal`](Self::seal) encrypted for the same place.
    ///
    /// # Errors
    /// If it was made for another place, under another key, or was changed.
    pub fn unseal(&self, table: &str, column: &str, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        self.sealer.unseal(&seal::place(table, column, id), sealed)
    }

    /// Returns the hash that looks a license key up: HMAC-SHA256 of its canonical form.
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

    /// Returns the version of an object with this content: half of an HMAC-SHA256. Its input begins as no license key
    /// does.
    pub(crate) fn version(&self, content: &[u8]) -> [u8; 16] {
        let mut mac = hmac::Context::with_key(&self.lookup);
        mac.update(b"kaching/version/v1\n");
        mac.update(content);
        *mac.sign().as_ref().first_chunk().expect("SHA-256 has 32 bytes")
    }

    /// Returns the key from which the secrets of credentials are derived.
    pub fn credential_key(&self) -> &Secret<[u8; 32]> {
        &self.credential
    }

    /// Returns whether there is a key for this algorithm that clients know.
    pub(crate) fn signs(&self, algorithm: LeaseAlgorithm) -> bool {
        self.signers.contains_key(&algorithm)
    }

    /// Returns whether every root has signed this key in.
    pub(crate) fn lists(&self, kid: &str) -> bool {
        self.listed.iter().any(|listed| listed == kid)
    }

    pub(crate) fn signer_ends_at(&self, algorithm: LeaseAlgorithm) -> Option<Timestamp> {
        self.signers.get(&algorithm).map(|signer| signer.ends_at)
    }

    /// Signs a statement. To be called after COMMIT only.
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
