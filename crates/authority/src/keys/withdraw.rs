//! Withdraws a signing key that somebody else may have: the next keyset, signed in the same step, no longer lists it.

use std::sync::Arc;

use kaching_base::{ErrorCode, LeaseAlgorithm};
use kaching_license::KeyPurpose;
use serde_json::json;

use super::{
    Root, Sealer, StoredKey, keyset,
    renew::{self, Stored, interrupted},
};
use crate::{Authority, Cx, Error, Result, audit::Entry};

/// A key that signs nothing any more, and that clients no longer trust once they have the newest keyset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawnKey {
    pub kid: String,
    /// The key that was made in the same step, where there was no other of its purpose and algorithm.
    pub successor: Option<String>,
}

impl Authority {
    /// Withdraws a signing key, and has the root sign the keyset without it. Where it was the only one of its purpose and
    /// algorithm, another is made in the same step. Both happen or neither.
    ///
    /// Clients fetch the keyset before their next yes: the next lease names its version. From then on they trust nothing
    /// that the withdrawn key signed.
    ///
    /// # Errors
    /// `not_found`, or `wrong_state` where the root cannot be opened here.
    pub async fn withdraw_signing_key(&self, cx: Cx, kid: String) -> Result<WithdrawnKey> {
        self.check_mark(self.now())?;
        let stored = self.stored_keys().await?;
        // One that is not there is told inside, where a repeated request finds its first answer.
        let (root, successor) = match stored.keys.iter().find(|key| key.signer.kid() == kid) {
            Some(key) => {
                let successor = self.successor(&stored, key).await?;
                (self.open_root(stored).await?, successor)
            }
            None => (None, None),
        };
        let (issuer, sealing, root) = (self.issuer.clone(), self.data.seal.clone(), root.map(Arc::new));
        let withdrawn = self
            .write("keys.withdraw", cx, move |tx, op| {
                renew::alone(tx)?;
                op.on("key.withdraw", &kid);
                let sealer = Sealer::new(&sealing);
                let keys = StoredKey::load(tx, &sealer, op.now)?;
                let Some(key) = keys.iter().find(|key| key.signer.kid() == kid) else {
                    return Err(Error::not_found(
                        "signing key of this kid; `kaching key list` shows all that count",
                    ));
                };
                let Some(root) = &root else { return Err(closed("")) };
                let successor = match alike(&keys, key) {
                    true => None,
                    false => Some(successor.as_ref().ok_or_else(changed_meanwhile)?),
                };
                StoredKey::end(tx, &kid, op.now)?;
                if let Some(successor) = successor {
                    successor.store(tx, &sealer)?;
                }
                let left = StoredKey::load(tx, &sealer, op.now)?;
                let epoch = renew::epoch(tx)?;
                keyset::sign(tx, root, &issuer, epoch, &left, op.now)?;
                let successor = successor.map(|key| key.signer.kid().to_owned());
                let change = json!({
                    "algorithm": key.signer.algorithm().as_str(),
                    "purpose": key.jwk.purpose.as_str(),
                    "successor": successor,
                });
                op.audit(tx, Entry::ok(change))?;
                Ok(WithdrawnKey { kid: kid.clone(), successor })
            })
            .await?;
        self.load_keys().await?;
        Ok(withdrawn)
    }

    /// A key for those that the withdrawn one leaves without.
    async fn successor(&self, stored: &Stored, key: &StoredKey) -> Result<Option<StoredKey>> {
        if alike(&stored.keys, key) {
            return Ok(None);
        }
        let (algorithm, purpose) = (key.signer.algorithm(), key.jwk.purpose);
        make(algorithm, purpose, self.entropy.seed(), self.now()).await.map(Some)
    }

    async fn open_root(&self, stored: Stored) -> Result<Option<Root>> {
        let keeper = Arc::clone(&self.root);
        let in_database = stored.root_in_database;
        let opened = tokio::task::spawn_blocking(move || keeper.open(in_database.as_deref()));
        let Some(root) = opened.await.map_err(interrupted)?.map_err(|why| closed(&format!(" ({why})")))?
        else {
            return Ok(None);
        };
        match stored.keysets.iter().any(|keyset| keyset.root == root.public) {
            true => Ok(Some(root)),
            false => Err(renew::another_root()),
        }
    }
}

/// Whether there is another key that signs the same.
fn alike(keys: &[StoredKey], key: &StoredKey) -> bool {
    keys.iter().any(|other| {
        other.signer.kid() != key.signer.kid()
            && other.signer.algorithm() == key.signer.algorithm()
            && other.jwk.purpose == key.jwk.purpose
    })
}

/// Makes a signing key, which takes about a second for RSA.
pub(super) async fn make(
    algorithm: LeaseAlgorithm,
    purpose: KeyPurpose,
    seed: [u8; 32],
    now: kaching_base::Timestamp,
) -> Result<StoredKey> {
    let make = move || match algorithm {
        LeaseAlgorithm::EdDsa => StoredKey::ed25519(seed, purpose, now),
        LeaseAlgorithm::Rs256 => StoredKey::rsa(purpose, now),
    };
    tokio::task::spawn_blocking(make).await.map_err(interrupted)?
}

fn closed(why: &str) -> Error {
    let detail = format!(
        "clients learn of it by the next keyset, which the root signs, and the root cannot be opened here: put root.key back, and withdraw the key then{why}"
    );
    Error::coded(ErrorCode::WrongState, detail)
}

fn changed_meanwhile() -> Error {
    Error::coded(ErrorCode::WrongState, "the keys were changed at the same moment: withdraw it again")
}
