//! Withdraws a signing key that may be stolen: the next keyset, signed in the same step, no longer lists it.

use std::sync::Arc;

use kaching_base::ErrorCode;
use serde_json::json;

use super::{Sealer, StoredKey, epoch::lock_keys, keyset, signing, stored::StoredKeys};
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
        // That there is no such key is found inside, where a repeated request finds its first answer.
        let (root, successor) = match stored.keys.iter().find(|key| key.signer.kid() == kid) {
            Some(key) => (Some(self.open_root(&stored).await?), self.successor(&stored, key).await?),
            None => (None, None),
        };
        let (sealing, root) = (self.data.seal.clone(), root.map(Arc::new));
        let withdrawn = self
            .write("keys.withdraw", cx, move |tx, op| {
                lock_keys(tx)?;
                op.on("key.withdraw", &kid);
                let sealer = Sealer::new(&sealing);
                let keys = StoredKey::load(tx, &sealer, op.now)?;
                let Some(key) = keys.iter().find(|key| key.signer.kid() == kid) else {
                    return Err(Error::not_found(
                        "signing key of this kid; `kaching key list` shows all that count",
                    ));
                };
                let Some(root) = &root else { return Err(changed_meanwhile()) };
                let successor = match others_like(&keys, key).next() {
                    Some(_) => None,
                    None => Some(successor.as_ref().ok_or_else(changed_meanwhile)?),
                };
                StoredKey::end(tx, &kid, op.now)?;
                for other in others_like(&keys, key) {
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

    /// Makes the key that replaces the withdrawn one, where no other signs the same.
    async fn successor(&self, stored: &StoredKeys, key: &StoredKey) -> Result<Option<StoredKey>> {
        if others_like(&stored.keys, key).next().is_some() {
            return Ok(None);
        }
        let (algorithm, purpose) = (key.signer.algorithm(), key.jwk.purpose);
        signing::generate(algorithm, purpose, self.entropy.seed(), self.now()).await.map(Some)
    }
}

/// The other keys that sign the same.
fn others_like<'k>(keys: &'k [StoredKey], key: &'k StoredKey) -> impl Iterator<Item = &'k StoredKey> {
    keys.iter().filter(|other| {
        other.signer.kid() != key.signer.kid()
            && other.signer.algorithm() == key.signer.algorithm()
            && other.jwk.purpose == key.jwk.purpose
    })
}

fn changed_meanwhile() -> Error {
    Error::coded(ErrorCode::WrongState, "the keys were changed at the same moment: withdraw it again")
}
