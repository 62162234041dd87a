//! Brings the keyset up to date and loads the key ring.

use std::sync::Arc;

use aws_lc_rs::hmac;
use kaching_base::{LeaseAlgorithm, Secret, Timestamp};
use kaching_db::{Tx, params};
use kaching_license::{Jwks, KeyPurpose, Sign};

use super::{DataKeys, KeyRing, Root, Sealer, StoredKey, keyset, keyset::StoredKeyset};
use crate::{Authority, Cx, Error, Result};

/// What the database holds of keys and keysets.
struct Stored {
    epoch: u64,
    keys: Vec<StoredKey>,
    keysets: Vec<StoredKeyset>,
    root_in_database: Option<String>,
}

impl Authority {
    /// The keys as they are now.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Signs the keyset anew where it is due, and loads what other replicas have changed.
    ///
    /// # Errors
    /// If the root is needed and cannot be opened.
    pub async fn renew_keyset(&self) -> Result<()> {
        let stored = self.stored_keys().await?;
        let now = self.clock.now();
        let due = stored.keysets.is_empty()
            || stored.keysets.iter().any(|keyset| keyset.due(&self.issuer, &stored.keys, now));
        if due {
            self.sign_keyset(stored).await?;
        }
        let stored = self.stored_keys().await?;
        if let Some(first) = stored.keysets.first() {
            self.root.publish(&first.root)?;
        }
        self.ring.store(Arc::new(KeyRing::of(&self.data, stored, now)));
        Ok(())
    }

    /// Makes the signing key that leases of this algorithm need, unless there is one.
    ///
    /// # Errors
    /// If it cannot be kept, or the root cannot sign it in.
    pub async fn ensure_signing_key(&self, algorithm: LeaseAlgorithm) -> Result<()> {
        if self.ring.load().signers.contains_key(&algorithm) {
            return Ok(());
        }
        self.rotate_signing_key(Cx::system("first-use"), algorithm).await
    }

    /// Makes a new signing key for leases; the present one stays listed, so that what it signed stays valid.
    ///
    /// # Errors
    /// If it cannot be kept, or the root cannot sign it in.
    pub async fn rotate_signing_key(&self, cx: Cx, algorithm: LeaseAlgorithm) -> Result<()> {
        let (seed, now) = (self.entropy.seed(), self.clock.now());
        let make = move || match algorithm {
            LeaseAlgorithm::EdDsa => StoredKey::ed25519(seed, KeyPurpose::Lease, now),
            LeaseAlgorithm::Rs256 => StoredKey::rsa(KeyPurpose::Lease, now),
        };
        let key = tokio::task::spawn_blocking(make).await.map_err(interrupted)??;
        let sealing = self.data.seal.clone();
        self.write("keys.rotate", cx, move |tx, op| {
            op.on("key.rotate", key.signer.kid());
            key.store(tx, &Sealer::new(&sealing))?;
            op.audit(
                tx,
                crate::audit::Entry::ok(
                    serde_json::json!({ "algorithm": algorithm.as_str(), "purpose": "lease" }),
                ),
            )
        })
        .await?;
        self.renew_keyset().await
    }

    async fn stored_keys(&self) -> Result<Stored> {
        let sealing = self.data.seal.clone();
        self.read("keys.stored", move |tx, now| {
            Ok(Stored {
                epoch: epoch(tx)?,
                keys: StoredKey::load(tx, &Sealer::new(&sealing), now)?,
                keysets: StoredKeyset::load(tx)?,
                root_in_database: root_in_database(tx)?,
            })
        })
        .await
    }

    async fn sign_keyset(&self, stored: Stored) -> Result<()> {
        let keeper = Arc::clone(&self.root);
        let first = stored.keysets.is_empty();
        let (seed, salt) = (Secret::new(self.entropy.seed()), self.entropy.seed());
        let opened =
            tokio::task::spawn_blocking(move || match keeper.open(stored.root_in_database.as_deref())? {
                Some(root) => Ok((Some(root), None)),
                None if first => keeper.create(seed, salt).map(|(root, sealed)| (Some(root), sealed)),
                None => Ok::<_, Error>((None, None)),
            });
        let (root, sealed) = opened.await.map_err(interrupted)??;
        let Some(root) = root else {
            tracing::warn!(
                "the keyset is due, and the root is not on this machine: sign it where the root is"
            );
            return Ok(());
        };
        let (issuer, sealing) = (self.issuer.clone(), self.data.seal.clone());
        self.write("keys.sign_keyset", Cx::system("keyset"), move |tx, op| {
            keep_root(tx, &root, sealed.as_deref(), first, op.now)?;
            let keys = StoredKey::load(tx, &Sealer::new(&sealing), op.now)?;
            let epoch = epoch(tx)?;
            keyset::sign(tx, &root, &issuer, epoch, &keys, op.now)?;
            op.on("keyset.sign", root.public);
            op.audit(tx, crate::audit::Entry::ok(serde_json::json!({ "keys": keys.len() })))
        })
        .await
    }
}

/// The first root is kept once, also when two replicas start at the same moment.
fn keep_root(tx: &mut Tx<'_>, root: &Root, sealed: Option<&str>, first: bool, now: Timestamp) -> Result<()> {
    tx.query_opt("select value from settings where name = 'epoch' for update", &[], |row| {
        row.get::<String>(0)
    })?;
    let present = tx.query_opt("select public from roots limit 1", &[], |row| row.get::<[u8; 32]>(0))?;
    match present {
        None => {
            tx.execute(
                "insert into roots (public, sealed, created_at) values (?1, ?2, ?3)",
                params![root.public.as_bytes(), sealed, now],
            )?;
            Ok(())
        }
        Some(_) if first => {
            Err(Error::Failure("another replica made the root at the same moment: start again".to_owned()))
        }
        Some(public) if public == *root.public.as_bytes() => Ok(()),
        Some(_) => Err(Error::Failure(
            "root.key holds another root than the one that products pin: put the right one back".to_owned(),
        )),
    }
}

fn epoch(tx: &mut Tx<'_>) -> Result<u64> {
    let text =
        tx.query_opt("select value from settings where name = 'epoch'", &[], |row| row.get::<String>(0))?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::stored("epoch", "it is missing"))
}

fn root_in_database(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let sealed = "select sealed from roots where sealed is not null order by created_at limit 1";
    Ok(tx.query_opt(sealed, &[], |row| row.get::<String>(0))?)
}

fn interrupted(error: tokio::task::JoinError) -> Error {
    Error::Failure(format!("making a key was interrupted: {error}"))
}

impl KeyRing {
    /// A ring that opens values and signs nothing: what the start works with.
    pub(crate) fn empty(data: &DataKeys) -> Self {
        Self::of(
            data,
            Stored { epoch: 1, keys: Vec::new(), keysets: Vec::new(), root_in_database: None },
            Timestamp::from_micros(0),
        )
    }

    fn of(data: &DataKeys, stored: Stored, now: Timestamp) -> Self {
        let mut signers = std::collections::HashMap::<_, Arc<dyn Sign>>::new();
        // Oldest first: the newest that is valid signs.
        for key in stored.keys.iter().filter(|key| key.jwk.purpose == KeyPurpose::Lease && key.jwk.nbf <= now)
        {
            signers.insert(key.signer.algorithm(), Arc::clone(&key.signer));
        }
        Self {
            epoch: stored.epoch,
            keyset_ends_at: stored.keysets.first().map_or(now, StoredKeyset::ends_at),
            version: stored.keysets.first().map_or(0, |keyset| keyset.version),
            roots: stored.keysets.iter().map(|keyset| keyset.root).collect(),
            keysets: stored.keysets.into_iter().map(|keyset| keyset.statement).collect(),
            jwks: Jwks { keys: stored.keys.iter().map(|key| key.jwk.clone()).collect() },
            sealer: Sealer::new(&data.seal),
            lookup: hmac::Key::new(hmac::HMAC_SHA256, data.lookup.expose()),
            credential: data.credential.clone(),
            signers,
        }
    }
}
