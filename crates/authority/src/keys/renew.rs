//! Brings the keyset up to date and loads the key ring.

use std::sync::Arc;

use aws_lc_rs::hmac;
use kaching_base::{ErrorCode, Secret, Timestamp};
use kaching_db::{Tx, params};
use kaching_license::{Jwks, KeyPurpose, RootKey};

use super::{DataKeys, KeyRing, Root, Sealer, Signer, StoredKey, TokenKey, keyset, keyset::StoredKeyset};
use crate::{Authority, Cx, Error, Result};

/// What the database holds of keys and keysets.
pub(super) struct Stored {
    epoch: u64,
    pub(super) keys: Vec<StoredKey>,
    pub(super) keysets: Vec<StoredKeyset>,
    pub(super) root_in_database: Option<String>,
}

impl Authority {
    /// The keys as they are now.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Signs the keyset anew where it is due, and loads what other replicas have changed.
    ///
    /// # Errors
    /// If the root is needed and cannot be opened; what is signed already serves on.
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
        self.hold(stored, now)?;
        signed
    }

    /// Loads what is kept, without the root: what it signed before serves on until it ends.
    pub(crate) async fn load_keys(&self) -> Result<()> {
        let stored = self.stored_keys().await?;
        self.hold(stored, self.now())
    }

    fn hold(&self, stored: Stored, now: Timestamp) -> Result<()> {
        let first = stored.keysets.first().map(|keyset| keyset.root);
        self.take_keys(KeyRing::of(&self.data, stored, now));
        first.map_or(Ok(()), |root| self.root.publish(&root))
    }

    /// Whether the root that is kept here can be opened, and is the one that products pin. Nothing is wrong with one
    /// that is kept elsewhere. Takes a moment: the passphrase is stretched.
    ///
    /// # Errors
    /// With what to do before the next keyset is due.
    pub async fn check_root(&self) -> Result<()> {
        self.find_root().await.map(drop)
    }

    /// Opens the root that products pin; `None` if it is kept elsewhere.
    async fn find_root(&self) -> Result<Option<Root>> {
        let (stored, keeper) = (self.stored_keys().await?, Arc::clone(&self.root));
        let in_database = stored.root_in_database;
        let opened = tokio::task::spawn_blocking(move || keeper.open(in_database.as_deref()));
        let Some(root) = opened.await.map_err(interrupted)?? else { return Ok(None) };
        match stored.keysets.iter().any(|keyset| keyset.root == root.public) {
            true => Ok(Some(root)),
            false => Err(another_root()),
        }
    }

    /// Opens the root for a change of keys.
    ///
    /// # Errors
    /// `wrong_state` if it cannot be opened here, or is another one than products pin.
    pub(crate) async fn open_root(&self) -> Result<Root> {
        match self.find_root().await {
            Ok(root) => root.ok_or_else(|| closed("")),
            Err(error @ Error::Database(_)) => Err(error),
            Err(why) => Err(closed(&format!(" ({why})"))),
        }
    }

    /// Notices a `root.key` that is not the root of this database, as where the files of two authorities were mixed up. It
    /// opens only a file that it has not seen yet. One that cannot be opened is told when the keyset is due.
    ///
    /// # Errors
    /// With both roots, and what to do.
    pub(crate) async fn notice_foreign_root(&self) -> Result<()> {
        let Some(digest) = self.root.file_digest()? else { return Ok(()) };
        if self.read("root.checked", |tx, _| checked_root(tx)).await?.as_ref() == Some(&digest) {
            return Ok(());
        }
        let (stored, keeper) = (self.stored_keys().await?, Arc::clone(&self.root));
        let opened = tokio::task::spawn_blocking(move || keeper.open(None)).await.map_err(interrupted)?;
        let root = match opened {
            Ok(Some(root)) => root,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "root.key cannot be opened; the keyset that it signed serves on until it ends");
                return Ok(());
            }
        };
        if stored.keysets.iter().all(|keyset| keyset.root != root.public) {
            let pinned = stored.keysets.first().map_or_else(String::new, |keyset| keyset.root.to_string());
            return Err(Error::Failure(format!(
                "root.key holds the root {}, but this database's is {pinned}, which products pin: put the right root.key \
                 back, or take this one away; without one, the present keyset serves until {}",
                root.public,
                self.keys().keyset_ends_at
            )));
        }
        self.write_regardless("root.check", Cx::system("root"), move |tx, _| set_checked_root(tx, &digest))
            .await
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

    /// What statements name as their issuer: the public URL that is on record.
    pub fn issuer(&self) -> String {
        self.keys().issuer.clone()
    }

    pub(crate) fn take_keys(&self, ring: KeyRing) {
        self.metrics.keys(&ring);
        self.ring.store(Arc::new(ring));
    }

    /// Whether clients can verify what would be signed now.
    ///
    /// # Errors
    /// With what is wrong with the keyset.
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

    pub(super) async fn stored_keys(&self) -> Result<Stored> {
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

    /// The root's private half as it is kept here, sealed by its passphrase: to be kept elsewhere as well. On record.
    ///
    /// # Errors
    /// `not_found` if it is kept elsewhere already.
    pub async fn sealed_root(&self, cx: Cx) -> Result<(RootKey, String)> {
        let stored = self.stored_keys().await?;
        let sealed = self.root.sealed(stored.root_in_database)?;
        let root = stored.keysets.first().map(|keyset| keyset.root);
        let (Some(root), Some(sealed)) = (root, sealed) else {
            return Err(Error::not_found("root key on this authority: it is where you brought it"));
        };
        self.write_regardless("keys.take_root", cx, move |tx, op| {
            op.on("root.take", root);
            op.audit(tx, crate::audit::Entry::ok(serde_json::json!({})))
        })
        .await?;
        Ok((root, sealed))
    }

    async fn sign_keyset(&self, stored: Stored) -> Result<()> {
        self.check_clock(self.now())?;
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
        let (opened_for, sealing) = (self.opened_for.clone(), self.data.seal.clone());
        let file = self.root.file_digest()?;
        self.write("keys.sign_keyset", Cx::system("keyset"), move |tx, op| {
            if !keep_root(tx, &root, sealed.as_deref(), first, op.now)? {
                return Ok(());
            }
            if let Some(digest) = &file {
                set_checked_root(tx, digest)?;
            }
            let keys = StoredKey::load(tx, &Sealer::new(&sealing), op.now)?;
            let recorded = StoredKeyset::issuer(tx)?;
            keyset::sign(tx, &root, recorded.as_ref().unwrap_or(&opened_for), &keys, op.now)?;
            op.on("keyset.sign", root.public);
            op.audit(tx, crate::audit::Entry::ok(serde_json::json!({ "keys": keys.len() })))
        })
        .await
    }
}

/// Whether this root signs. Where two replicas start at the same moment, the first root is kept once, and whoever
/// comes second has nothing to sign.
fn keep_root(
    tx: &mut Tx<'_>,
    root: &Root,
    sealed: Option<&str>,
    first: bool,
    now: Timestamp,
) -> Result<bool> {
    alone(tx)?;
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

/// Waits until no other server on the same database is at the keys: whoever comes second finds what the first made.
pub(crate) fn alone(tx: &mut Tx<'_>) -> Result<()> {
    tx.query_opt("select value from settings where name = 'epoch' for update", &[], |row| {
        row.get::<String>(0)
    })?;
    Ok(())
}

pub(super) fn another_root() -> Error {
    Error::Failure(
        "root.key holds another root than the one that products pin: put the right one back".to_owned(),
    )
}

pub(crate) fn epoch(tx: &mut Tx<'_>) -> Result<u64> {
    let text =
        tx.query_opt("select value from settings where name = 'epoch'", &[], |row| row.get::<String>(0))?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::stored("epoch", "it is missing"))
}

/// Returns the epoch to begin at this moment. The second puts it above every epoch that came of the same backup, too.
pub(crate) fn next_epoch(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    Ok(u64::try_from(now.seconds()).unwrap_or(0).max(epoch(tx)? + 1))
}

pub(crate) fn set_epoch(tx: &mut Tx<'_>, epoch: u64) -> Result<()> {
    tx.execute("update settings set value = ?1 where name = 'epoch'", params![epoch.to_string()])?;
    Ok(())
}

/// A change of keys that the root cannot sign. `why` is what the look for it said.
fn closed(why: &str) -> Error {
    let detail = format!(
        "clients learn of it by the next keyset, which the root signs, and the root cannot be opened here: put root.key back, and try it again then{why}"
    );
    Error::coded(ErrorCode::WrongState, detail)
}

/// The digest of the `root.key` that was last found to be the root of this database.
fn checked_root(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let sql = "select value from settings where name = 'root_key'";
    Ok(tx.query_opt(sql, &[], |row| row.get(0))?)
}

fn set_checked_root(tx: &mut Tx<'_>, digest: &str) -> Result<()> {
    tx.execute(
        "insert into settings (name, value) values ('root_key', ?1)
         on conflict (name) do update set value = excluded.value",
        params![digest],
    )?;
    Ok(())
}

fn root_in_database(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let sealed = "select sealed from roots where sealed is not null order by created_at limit 1";
    Ok(tx.query_opt(sealed, &[], |row| row.get::<String>(0))?)
}

pub(crate) fn interrupted(error: tokio::task::JoinError) -> Error {
    Error::Failure(format!("work on a thread of its own was interrupted: {error}"))
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

    /// One that opens values, and whose entries are of this epoch: what a restore ends with.
    pub(crate) fn of_epoch(data: &DataKeys, epoch: u64) -> Self {
        Self { epoch, ..Self::empty(data) }
    }

    fn of(data: &DataKeys, stored: Stored, now: Timestamp) -> Self {
        let mut signers = std::collections::HashMap::new();
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
}
