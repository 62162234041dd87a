//! Brings the keyset up to date and loads the key ring.

use std::sync::Arc;

use kaching_base::{Secret, Timestamp};
use kaching_db::{Tx, params};
use serde_json::json;

use super::{
    KeyRing, Root, Sealer, StoredKey, StoredKeyset,
    epoch::lock_keys,
    keyset,
    root_access::{another_root, set_checked_root},
    stored::StoredKeys,
};
use crate::{Authority, Cx, Error, Result, audit::Entry, blocking::run_blocking};

impl Authority {
    /// Returns the present keys.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Signs the keyset again where that is due, and loads what other replicas have changed.
    ///
    /// # Errors
    /// If the root is needed and cannot be opened; the present keyset stays in use.
    pub async fn renew_keyset(&self) -> Result<()> {
        let mut stored = self.stored_keys().await?;
        let now = self.now();
        let due =
            stored.keysets.is_empty() || stored.keysets.iter().any(|keyset| keyset.due(&stored.keys, now));
        let mut signed = Ok(());
        if due {
            signed = self.sign_keyset(stored).await;
            stored = self.stored_keys().await?;
        }
        self.use_keys(stored, now)?;
        signed
    }

    /// Loads the stored keys and keysets, without the root: what it signed before serves on until it ends.
    pub(crate) async fn load_keys(&self) -> Result<()> {
        let stored = self.stored_keys().await?;
        self.use_keys(stored, self.now())
    }

    fn use_keys(&self, stored: StoredKeys, now: Timestamp) -> Result<()> {
        let first = stored.keysets.first().map(|keyset| keyset.root);
        self.take_keys(KeyRing::of(&self.data, stored, now));
        first.map_or(Ok(()), |root| self.root.publish(&root))
    }

    /// Loads the keys where another server on the same database has changed them.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn follow_keys(&self) -> Result<()> {
        let newest = self.db.read("keys.newest", StoredKeyset::newest).await?;
        if newest != self.keys().version {
            let stored = self.stored_keys().await?;
            self.take_keys(KeyRing::of(&self.data, stored, self.now()));
        }
        Ok(())
    }

    /// The issuer that statements name: the public URL on record.
    pub fn issuer(&self) -> String {
        self.keys().issuer.clone()
    }

    pub(crate) fn take_keys(&self, ring: KeyRing) {
        self.metrics.keys(&ring);
        self.ring.store(Arc::new(ring));
    }

    /// Checks that clients can verify what would be signed now.
    ///
    /// # Errors
    /// With the problem of the keyset.
    pub(crate) fn check_keyset(&self) -> Result<()> {
        let ring = self.keys();
        let wrong = |what: &str| Err(Error::Unusable(format!("{what}: sign one where the root is")));
        if ring.keysets.is_empty() {
            return wrong("there is no keyset");
        }
        if self.now() >= ring.keyset_ends_at {
            return wrong("the keyset has ended");
        }
        Ok(())
    }

    async fn sign_keyset(&self, stored: StoredKeys) -> Result<()> {
        self.check_clock(self.now())?;
        let keeper = Arc::clone(&self.root);
        let first = stored.keysets.is_empty();
        let (seed, salt) = (Secret::new(self.entropy.seed()), self.entropy.seed());
        let opened = run_blocking(move || match keeper.open(stored.root_in_database.as_deref())? {
            Some(root) => Ok((Some(root), None)),
            None if first => keeper.create(seed, salt).map(|(root, sealed)| (Some(root), sealed)),
            None => Ok((None, None)),
        });
        let (root, sealed) = opened.await?;
        let Some(root) = root else {
            tracing::warn!(
                "the keyset is due, and the root is not on this machine: sign it where the root is"
            );
            return Ok(());
        };
        let (opened_for, sealing) = (self.opened_for.clone(), self.data.seal.clone());
        let file = self.root.file_digest()?;
        self.write("keys.sign_keyset", Cx::system("keyset"), move |tx, op| {
            if !store_root(tx, &root, sealed.as_deref(), first, op.now)? {
                return Ok(());
            }
            if let Some(digest) = &file {
                set_checked_root(tx, digest)?;
            }
            let keys = StoredKey::load(tx, &Sealer::new(&sealing), op.now)?;
            let recorded = StoredKeyset::issuer(tx)?;
            keyset::sign(tx, &root, recorded.as_ref().unwrap_or(&opened_for), &keys, op.now)?;
            op.on("keyset.sign", root.public);
            op.audit(tx, Entry::ok(json!({ "keys": keys.len() })))
        })
        .await
    }
}

/// Stores the root on a first start. Returns whether it signs: where two servers start at the same moment, the root of
/// the first one is stored, and the second one has nothing to sign.
fn store_root(
    tx: &mut Tx<'_>,
    root: &Root,
    sealed: Option<&str>,
    first: bool,
    now: Timestamp,
) -> Result<bool> {
    lock_keys(tx)?;
    let present = tx.query_opt("select public from roots limit 1", &[], |row| row.get::<[u8; 32]>(0))?;
    match present {
        None => {
            tx.execute(
                "insert into roots (public, sealed, created_at) values (?1, ?2, ?3)",
                params![root.public.as_bytes(), sealed, now],
            )?;
            Ok(true)
        }
        Some(public) if public == *root.public.as_bytes() => Ok(true),
        Some(_) if first && sealed.is_some() => Ok(false),
        Some(_) => Err(another_root()),
    }
}

/// Loads the keys where another server on the same database has changed them: what one of them signs, all serve.
pub(crate) async fn follow(authority: &Authority) -> Result<()> {
    if authority.is_shared() { authority.follow_keys().await } else { Ok(()) }
}
