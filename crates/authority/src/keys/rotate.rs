//! New signing keys: for an algorithm that had none, when an operator asks for one, and before one ends.

use kaching_base::{ErrorCode, LeaseAlgorithm, Seconds, Timestamp};
use kaching_db::Tx;
use kaching_license::KeyPurpose;
use serde_json::json;

use super::{Sealer, StoredKey, epoch::lock_keys, signing};
use crate::{Authority, Cx, Error, Op, Result, audit::Entry, jobs::Progress};

/// A key is replaced this long before it ends: time enough to bring it to a root that lives elsewhere.
const REPLACED_BEFORE: Seconds = Seconds::days(60);
/// A key is published this long before it signs: as long as caches may keep the list of keys, so that no client meets
/// the signature of an unknown key.
pub const PUBLISHED_BEFORE: Seconds = Seconds(60);

impl Authority {
    /// Makes the signing key that leases of this algorithm need, unless there is one.
    ///
    /// # Errors
    /// If it cannot be stored, or the root has not signed it in.
    pub async fn ensure_signing_key(&self, algorithm: LeaseAlgorithm) -> Result<()> {
        if self.keys().signs(algorithm) {
            return Ok(());
        }
        if self.waiting_key(algorithm, Seconds(0)).await? {
            return self.sign_in(algorithm).await;
        }
        self.make_key(Cx::system("first-use"), algorithm, Some(Seconds(0))).await
    }

    /// Makes a new signing key for leases, which signs once it has been published for [`PUBLISHED_BEFORE`]; the present one
    /// stays listed, so that what it signed stays valid.
    ///
    /// # Errors
    /// If it cannot be stored, or the root has not signed it in: then the present one signs on.
    pub async fn rotate_signing_key(&self, cx: Cx, algorithm: LeaseAlgorithm) -> Result<()> {
        self.make_key(cx, algorithm, None).await
    }

    /// Makes a signing key, unless another server on the same database has meanwhile made one that serves for longer
    /// than this.
    async fn make_key(&self, cx: Cx, algorithm: LeaseAlgorithm, unless: Option<Seconds>) -> Result<()> {
        let (seed, now) = (self.entropy.seed(), self.now());
        self.check_clock(now)?;
        let mut key = signing::generate(algorithm, KeyPurpose::Lease, seed, now).await?;
        // If no key signs with this algorithm yet, the new one has to sign immediately.
        if self.keys().signs(algorithm) {
            key.jwk.nbf = now + PUBLISHED_BEFORE;
        }
        let (sealing, kid) = (self.data.seal.clone(), key.signer.kid().to_owned());
        // An operator's answer is rendered from the result of the transaction, so its type is that of the operation.
        let stored = match unless {
            None => {
                let stored =
                    self.write("keys.rotate", cx, move |tx, op| store(tx, op, &key, &Sealer::new(&sealing)));
                stored.await.map(|()| true)
            }
            Some(longer_than) => {
                let stored = self.write("keys.replace", cx, move |tx, op| {
                    let sealer = Sealer::new(&sealing);
                    lock_keys(tx)?;
                    let present = StoredKey::load(tx, &sealer, op.now)?;
                    let needed = !serves(&present, algorithm, op.now + longer_than);
                    if needed {
                        store(tx, op, &key, &sealer)?;
                    }
                    Ok(needed)
                });
                stored.await
            }
        };
        let stored = match stored {
            // The key of the first request may still wait for the root.
            Err(Error::Replayed(answer)) => {
                self.sign_in(algorithm).await?;
                return Err(Error::Replayed(answer));
            }
            stored => stored?,
        };
        self.sign_in(algorithm).await?;
        if !stored || self.keys().lists(&kid) { Ok(()) } else { Err(unsigned("")) }
    }

    /// Has the root sign in the stored keys, and checks that this algorithm has a key then.
    async fn sign_in(&self, algorithm: LeaseAlgorithm) -> Result<()> {
        match self.renew_keyset().await {
            Err(Error::Failure(why)) => Err(unsigned(&format!(" ({why})"))),
            Err(other) => Err(other),
            Ok(()) if self.keys().signs(algorithm) => Ok(()),
            Ok(()) => Err(unsigned("")),
        }
    }

    /// Returns whether there is a key that the root has only to sign in, and that serves for longer than this.
    async fn waiting_key(&self, algorithm: LeaseAlgorithm, longer_than: Seconds) -> Result<bool> {
        let last = self.now() + longer_than;
        Ok(serves(&self.stored_keys().await?.keys, algorithm, last))
    }
}

/// Stores a new key, with its audit entry.
fn store(tx: &mut Tx<'_>, op: &mut Op, key: &StoredKey, sealer: &Sealer) -> Result<()> {
    op.on("key.rotate", key.signer.kid());
    key.store(tx, sealer)?;
    op.audit(tx, Entry::ok(json!({ "algorithm": key.signer.algorithm().as_str(), "purpose": "lease" })))
}

/// Returns whether one of these signs leases with this algorithm beyond a moment.
fn serves(keys: &[StoredKey], algorithm: LeaseAlgorithm, last: Timestamp) -> bool {
    let fits = |key: &&StoredKey| key.jwk.purpose == KeyPurpose::Lease && key.jwk.exp > last;
    keys.iter().filter(fits).any(|key| key.signer.algorithm() == algorithm)
}

/// Makes new keys for those that end soon, the key of each algorithm apart from the others.
pub(crate) async fn replace_ending_keys(authority: &Authority) -> Result<Progress> {
    let mut progress = Progress::default();
    for algorithm in [LeaseAlgorithm::EdDsa, LeaseAlgorithm::Rs256] {
        let ends_at = authority.keys().signer_ends_at(algorithm);
        // An authority that was off for years starts with none at all.
        let ends =
            ends_at.map_or(algorithm == LeaseAlgorithm::EdDsa, |at| at <= authority.now() + REPLACED_BEFORE);
        if ends {
            let cx = Cx::system("keys.replace");
            match authority.waiting_key(algorithm, REPLACED_BEFORE).await {
                Ok(true) => {}
                Ok(false) => {
                    let made = authority.make_key(cx, algorithm, Some(REPLACED_BEFORE)).await;
                    progress.item(algorithm.as_str(), made)?;
                }
                Err(error) => progress.item(algorithm.as_str(), Err(error))?,
            }
        }
    }
    Ok(progress)
}

fn unsigned(why: &str) -> Error {
    let detail = format!(
        "the new key is stored, and signs when the root has signed it in: put root.key back, or sign the keyset where the root is{why}"
    );
    Error::coded(ErrorCode::WrongState, detail)
}
