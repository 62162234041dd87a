//! Migrates an authority from SQLite to PostgreSQL.

use std::sync::Arc;

use kaching_base::Secret;
use kaching_db::{self as db, Db};
use prometheus_client::registry::Registry;
use serde_json::json;

use super::{
    Contents,
    load::{ProgressFn, Source, load},
    make::chunks,
    refused, sql,
};
use crate::{
    Actor, Authority, Clock, Cx, Entropy, Error, MasterKey, Result, RootStore,
    audit::Entry,
    blocking::run_blocking,
    changes::Changes,
    keys::{DataKeys, Root, RootKeeper, StoredKeyset},
    migrations,
};

/// The options of a migration.
pub struct MigrateOptions {
    /// The database of the authority; nothing else has it open.
    pub from: db::Config,
    /// An empty database, or one into which a migration of the same authority was interrupted.
    pub to: db::Config,
    /// The master key, which stays the same; checked before anything is written.
    pub master: MasterKey,
    /// The text of `root.key` and its passphrase, where the root is kept here: it goes into the database.
    pub root: Option<(String, Secret<String>)>,
    /// The actor of the audit entry.
    pub by: Actor,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Copies everything, and compares every table before the copy counts. Continues a migration that was interrupted.
///
/// # Errors
/// If the target holds anything else, the keys are not those of the authority, or the source changed since the migration began.
pub async fn migrate(options: MigrateOptions, progress: ProgressFn<'_>) -> Result<Contents> {
    let open = |config| Db::open(config, db::Metrics::register(&mut Registry::default()));
    let source = open(options.from).await?;
    if source.unfinished().await?.is_some() {
        return Err(refused("a restore into this authority is not whole: run it again first"));
    }
    source.migrate(&migrations::ALL).await?;
    let master = options.master.clone();
    let (data, roots, state, issuer) = source
        .read("backup.source", move |tx| {
            let issuer = StoredKeyset::issuer(tx)?.unwrap_or_default();
            Ok::<_, Error>((DataKeys::load(tx, &master)?, sql::roots(tx)?, sql::state(tx)?, issuer))
        })
        .await?;
    let Some(first) = roots.first() else {
        return Err(refused("this authority has no root yet: there is nothing to migrate"));
    };
    let mut keeps = None;
    if let Some((text, passphrase)) = options.root {
        let sealed = text.clone();
        let root = run_blocking(move || Root::open(&text, &passphrase)).await?;
        if !roots.contains(&root.public) {
            return Err(refused(
                "root.key holds another root than the one that products pin: put the right one back",
            ));
        }
        keeps = Some((root.public, sealed));
    }
    let target = open(options.to).await?;
    let origin = format!("move {first} {state}");
    let copied = Source::Stream(chunks(&source, options.clock.now(), &options.master, None));
    let there = target.read("backup.moved", sql::moved_from).await?;
    if there.as_ref() == Some(&origin) {
        // An earlier run was interrupted after its last transaction: only the result is left to report.
        target.close().await;
        let contents = copied.count().await;
        source.close().await;
        return contents;
    }
    let contents = load(&target, &origin, copied, progress).await?;
    let keeper = Arc::new(RootKeeper::new(RootStore::Database, Secret::new(String::new())));
    let authority = Authority::of(
        target,
        (options.master, data),
        keeper,
        issuer,
        (options.clock, options.entropy),
        Changes::without_listeners(),
    );
    let done = authority.end_migration(Cx::of(options.by), (origin, keeps), &contents).await;
    authority.close().await;
    source.close().await;
    done.map(|()| contents)
}

impl Authority {
    async fn end_migration(
        &self,
        cx: Cx,
        (origin, root): (String, Option<(kaching_license::RootKey, String)>),
        from: &Contents,
    ) -> Result<()> {
        self.store_time().await?;
        self.load_keys().await?;
        let entry = json!({ "from": from.head.engine, "rows": from.rows() });
        self.write("backup.end_migration", cx, move |tx, op| {
            if let Some((public, sealed)) = &root {
                sql::store_root(tx, public, sealed)?;
            }
            sql::set_moved_from(tx, &origin)?;
            op.on("backup.move", op.keys.epoch);
            op.audit(tx, Entry::ok(entry.clone()))?;
            Ok::<_, Error>(tx.end_copy()?)
        })
        .await
    }
}
