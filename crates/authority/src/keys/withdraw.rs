//! Withdraws a signing key that somebody else may have: the next keyset, signed in the same step, no longer lists it.

use std::sync::Arc;

use kaching_base::{ErrorCode, LeaseAlgorithm};
use kaching_license::KeyPurpose;
use serde_json::json;

use super::{
    Sealer, StoredKey, keyset,
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
        self.check_clock(self.now())?;
        let stored = self.stored_keys().await?;
        // One that is not there is told inside, where a repeated request finds its first answer.
        let (root, successor) = match stored.keys.iter().find(|key| key.signer.kid() == kid) {
            Some(key) => (Some(self.open_root().await?), self.successor(&stored, key).await?),
            None => (None, None),
        };
        let (sealing, root) = (self.data.seal.clone(), root.map(Arc::new));
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
                let Some(root) = &root else { return Err(changed_meanwhile()) };
                let successor = match alike(&keys, key).next() {
                    Some(_) => None,
                    None => Some(successor.as_ref().ok_or_else(changed_meanwhile)?),
                };
                StoredKey::end(tx, &kid, op.now)?;
                for other in alike(&keys, key) {
                    // What was to be published for a while before it signs has no time for that now.
                    StoredKey::begin(tx, other.signer.kid(), op.now)?;
                }
                if let Some(successor) = successor {
                    successor.store(tx, &sealer)?;
                }
                let left = StoredKey::load(tx, &sealer, op.now)?;
                keyset::sign_again(tx, root, &left, op.now)?;
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
        if alike(&stored.keys, key).next().is_some() {
            return Ok(None);
        }
        let (algorithm, purpose) = (key.signer.algorithm(), key.jwk.purpose);
        make(algorithm, purpose, self.entropy.seed(), self.now()).await.map(Some)
    }
}

/// The other keys that sign the same.
fn alike<'k>(keys: &'k [StoredKey], key: &'k StoredKey) -> impl Iterator<Item = &'k StoredKey> {
    keys.iter().filter(|other| {
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

fn changed_meanwhile() -> Error {
    Error::coded(ErrorCode::WrongState, "the keys were changed at the same moment: withdraw it again")
}
