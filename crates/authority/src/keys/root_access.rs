//! Finds and opens the root, where it is kept on this authority.

use std::sync::Arc;

use kaching_base::ErrorCode;
use kaching_db::{Tx, params};
use kaching_license::RootKey;
use serde_json::json;

use super::{Root, stored::StoredKeys};
use crate::{Authority, Cx, Error, Result, audit::Entry, blocking::run_blocking};

impl Authority {
    /// Checks that the root that is kept here can be opened, and is the one that products pin. One that is kept elsewhere
    /// is fine. Takes half a second: the passphrase is stretched.
    ///
    /// # Errors
    /// With what to do before the next keyset is due.
    pub async fn check_root(&self) -> Result<()> {
        self.find_root(&self.stored_keys().await?).await.map(drop)
    }

    /// Opens the root that products pin; `None` if it is kept elsewhere.
    async fn find_root(&self, stored: &StoredKeys) -> Result<Option<Root>> {
        let (in_database, keeper) = (stored.root_in_database.clone(), Arc::clone(&self.root));
        let opened = run_blocking(move || keeper.open(in_database.as_deref()));
        let Some(root) = opened.await? else { return Ok(None) };
        match stored.keysets.iter().any(|keyset| keyset.root == root.public) {
            true => Ok(Some(root)),
            false => Err(another_root()),
        }
    }

    /// Opens the root for a change of keys.
    ///
    /// # Errors
    /// `wrong_state` if it cannot be opened here, or is not the one that products pin.
    pub(crate) async fn open_root(&self, stored: &StoredKeys) -> Result<Root> {
        match self.find_root(stored).await {
            Ok(root) => root.ok_or_else(|| closed("")),
            Err(error @ Error::Database(_)) => Err(error),
            Err(why) => Err(closed(&format!(" ({why})"))),
        }
    }

    /// Notices a `root.key` that is not the root of this database, as where the files of two authorities were mixed up. It
    /// opens only a file that it has not seen yet. One that cannot be opened is an error only when the keyset is due.
    ///
    /// # Errors
    /// With both roots, and what to do.
    pub(crate) async fn notice_foreign_root(&self) -> Result<()> {
        let Some(digest) = self.root.file_digest()? else { return Ok(()) };
        if self.read("root.checked", |tx, _| checked_root(tx)).await?.as_ref() == Some(&digest) {
            return Ok(());
        }
        let (stored, keeper) = (self.stored_keys().await?, Arc::clone(&self.root));
        let root = match run_blocking(move || keeper.open(None)).await {
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

    /// Returns the root's private half, sealed by its passphrase, for a copy elsewhere. An audit entry records it.
    ///
    /// # Errors
    /// `not_found` if it is kept elsewhere already.
    pub async fn sealed_root(&self, cx: Cx) -> Result<(RootKey, String)> {
        let stored = self.stored_keys().await?;
        let sealed = self.root.sealed(stored.root_in_database)?;
        let root = stored.keysets.first().map(|keyset| keyset.root);
        let (Some(root), Some(sealed)) = (root, sealed) else {
            return Err(Error::not_found("root key on this authority: it is kept where you brought it"));
        };
        self.write_regardless("keys.take_root", cx, move |tx, op| {
            op.on("root.take", root);
            op.audit(tx, Entry::ok(json!({})))
        })
        .await?;
        Ok((root, sealed))
    }
}

pub(super) fn another_root() -> Error {
    Error::Failure(
        "root.key holds another root than the one that products pin: put the right one back".to_owned(),
    )
}

/// The refusal of a change of keys that the root cannot sign. `why` is the error of opening it.
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

pub(super) fn set_checked_root(tx: &mut Tx<'_>, digest: &str) -> Result<()> {
    tx.execute(
        "insert into settings (name, value) values ('root_key', ?1)
         on conflict (name) do update set value = excluded.value",
        params![digest],
    )?;
    Ok(())
}
