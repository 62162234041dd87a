//! Restores a backup, in an epoch of its own.

use std::{path::Path, sync::Arc};

use kaching_base::Secret;
use kaching_db::{self as db, Db};
use prometheus_client::registry::Registry;
use serde_json::json;

use super::{
    Contents,
    load::{PATIENCE, ProgressFn, Source, load},
    refused, sql,
};
use crate::{
    Actor, Authority, Clock, Cx, Entropy, Error, MasterKey, Result, RootStore,
    audit::Entry,
    blocking::run_blocking,
    changes::Changes,
    keys::{
        DataKeys, KeyRing, Root, RootKeeper, Sealer, StoredKey, StoredKeyset, next_epoch, set_epoch,
        sign_keyset,
    },
};

/// The options of a restore.
pub struct Restore {
    /// An empty database, or one into which the same backup was not wholly restored.
    pub database: db::Config,
    /// The master key, which opens the sealed values and authenticates the backup.
    pub master: MasterKey,
    /// Accepts a backup that has no MAC, as those of earlier releases; that is recorded.
    pub without_mac: bool,
    /// The text of `root.key`, and what opens it: the root signs the keyset of the new epoch.
    pub root: (String, Secret<String>),
    /// Whether the database keeps the root's sealed private half from now on.
    pub keeps_root: bool,
    /// The issuer, if it has changed.
    pub issuer: Option<String>,
    /// The actor of the audit entry.
    pub by: Actor,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Restores a backup that [`read`](super::read) has checked, and returns the epoch that begins. Continues a restore that
/// was interrupted at any moment.
///
/// # Errors
/// If the database holds anything else, the keys are not those of the backup, or the clock is behind it.
pub async fn restore(
    path: &Path,
    contents: &Contents,
    options: Restore,
    progress: ProgressFn<'_>,
) -> Result<u64> {
    let data = contents.check_keys(&options.master, options.without_mac)?;
    let (text, passphrase) = options.root;
    let sealed = text.clone();
    let root = contents.check_root(text, passphrase).await?;
    let db = Db::open(options.database, db::Metrics::register(&mut Registry::default())).await?;
    let sha256 = contents.sha256.clone();
    let patient = db.with_deadline(PATIENCE);
    if let Some(epoch) = patient.read("backup.restored", move |tx| sql::restored(tx, &sha256)).await? {
        // An earlier run was interrupted after its last transaction: only the result is left to report.
        db.close().await;
        return Ok(epoch);
    }
    let origin = format!("backup {}", contents.sha256);
    let loaded = load(&db, &origin, Source::file(path)?, progress).await?;
    if loaded.sha256 != contents.sha256 {
        return Err(refused("the backup was changed while it was read: begin again, in an empty database"));
    }
    let issuer = match options.issuer {
        Some(issuer) => issuer,
        None => db.read("backup.issuer", StoredKeyset::issuer).await?.unwrap_or_default(),
    };
    let keeper = Arc::new(RootKeeper::new(RootStore::Database, Secret::new(String::new())));
    let authority = Authority::of(
        db,
        (options.master, data),
        keeper,
        issuer,
        (options.clock, options.entropy),
        Changes::without_listeners(),
    );
    let sealed = options.keeps_root.then_some(sealed);
    let done = authority.begin_epoch(Cx::of(options.by), root, sealed, &loaded).await;
    authority.close().await;
    done
}

impl Contents {
    /// Checks all that a restore needs, and changes nothing: the master key, the MAC, and the root with its passphrase.
    ///
    /// # Errors
    /// If one of them is not that of the backup.
    pub async fn check(
        &self,
        master: &MasterKey,
        without_mac: bool,
        root: (String, Secret<String>),
    ) -> Result<()> {
        self.check_keys(master, without_mac)?;
        self.check_root(root.0, root.1).await.map(drop)
    }

    fn check_keys(&self, master: &MasterKey, without_mac: bool) -> Result<DataKeys> {
        let data = DataKeys::open(&self.data_keys, master).map_err(|_| {
            refused("this master key is not the one of the backup: put the right one into the data directory")
        })?;
        self.check_mac(master, without_mac)?;
        Ok(data)
    }

    async fn check_root(&self, text: String, passphrase: Secret<String>) -> Result<Root> {
        let root = run_blocking(move || Root::open(&text, &passphrase)).await?;
        match self.head.roots.contains(&root.public.to_string()) {
            true => Ok(root),
            false => Err(refused(
                "root.key holds another root than the one of the backup, which products pin: bring the right one",
            )),
        }
    }
}

impl Authority {
    /// Puts the restored state in force. It is one transaction: either the new epoch is signed, or nothing is.
    async fn begin_epoch(&self, cx: Cx, root: Root, sealed: Option<String>, from: &Contents) -> Result<u64> {
        // A clock behind the backup's would sign a keyset that clients refuse.
        self.store_time().await?;
        let next = self.read("backup.epoch", next_epoch).await?;
        self.ring.store(Arc::new(KeyRing::of_epoch(&self.data, next)));
        let (issuer, sealing, root) = (self.opened_for.clone(), self.data.seal.clone(), Arc::new(root));
        let mut entry = json!({ "made_at": from.head.made_at, "rows": from.rows(), "sha256": from.sha256 });
        if !from.has_mac() {
            entry["without_mac"] = json!(true);
        }
        self.write("backup.begin_epoch", cx, move |tx, op| {
            set_epoch(tx, next)?;
            if let Some(sealed) = &sealed {
                sql::store_root(tx, &root.public, sealed)?;
            }
            let keys = StoredKey::load(tx, &Sealer::new(&sealing), op.now)?;
            sign_keyset(tx, &root, &issuer, &keys, op.now)?;
            op.on("backup.restore", next);
            op.audit(tx, Entry::ok(entry.clone()))?;
            Ok::<_, Error>(tx.end_copy()?)
        })
        .await?;
        Ok(next)
    }
}
