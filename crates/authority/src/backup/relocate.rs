//! An authority moves from SQLite to PostgreSQL, whole.

use std::sync::Arc;

use kaching_base::Secret;
use kaching_db::{self as db, Db};
use prometheus_client::registry::Registry;
use serde_json::json;

use super::{
    Contents,
    load::{Source, Told, load},
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

/// What a move needs.
pub struct Relocate {
    /// Where the authority is; nothing else has it open.
    pub from: db::Config,
    /// An empty database, or one into which the same authority was not wholly moved.
    pub to: db::Config,
    /// Stays as it is; shown to be the right one before anything is written.
    pub master: MasterKey,
    /// The text of `root.key` and what opens it, where the root is kept here: it goes into the database.
    pub root: Option<(String, Secret<String>)>,
    /// In whose name.
    pub by: Actor,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Seeds randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Copies everything, and compares every table before it counts. Goes on with a move that was ended on the way.
///
/// # Errors
/// If the target holds anything else, the keys are not those of the authority, or the source changed since a move began.
pub async fn relocate(how: Relocate, told: Told<'_>) -> Result<Contents> {
    let open = |config| Db::open(config, db::Metrics::register(&mut Registry::default()));
    let source = open(how.from).await?;
    if source.unfinished().await?.is_some() {
        return Err(refused("a restore into this authority is not whole: run it again first"));
    }
    source.migrate(&migrations::ALL).await?;
    let master = how.master.clone();
    let (data, roots, state, issuer) = source
        .read("backup.source", move |tx| {
            let issuer = StoredKeyset::issuer(tx)?.unwrap_or_default();
            Ok::<_, Error>((DataKeys::load(tx, &master)?, sql::roots(tx)?, sql::state(tx)?, issuer))
        })
        .await?;
    let Some(first) = roots.first() else {
        return Err(refused("this authority has no root yet: there is nothing to move"));
    };
    let mut keeps = None;
    if let Some((text, passphrase)) = how.root {
        let sealed = text.clone();
        let root = run_blocking(move || Root::open(&text, &passphrase)).await?;
        if !roots.contains(&root.public) {
            return Err(refused(
                "root.key holds another root than the one that products pin: put the right one back",
            ));
        }
        keeps = Some((root.public, sealed));
    }
    let target = open(how.to).await?;
    let origin = format!("move {first} {state}");
    let copied = Source::Stream(chunks(&source, how.clock.now(), &how.master, None));
    let there = target.read("backup.moved", sql::moved_from).await?;
    if there.as_ref() == Some(&origin) {
        // An earlier run was ended after its last transaction: what is left is to say so.
        target.close().await;
        let contents = copied.count().await;
        source.close().await;
        return contents;
    }
    let contents = load(&target, &origin, copied, told).await?;
    let keeper = Arc::new(RootKeeper::new(RootStore::Database, Secret::new(String::new())));
    let authority = Authority::of(
        target,
        (how.master, data),
        keeper,
        issuer,
        (how.clock, how.entropy),
        Changes::without_listeners(),
    );
    let done = authority.end_move(Cx::of(how.by), (origin, keeps), &contents).await;
    authority.close().await;
    source.close().await;
    done.map(|()| contents)
}

impl Authority {
    async fn end_move(
        &self,
        cx: Cx,
        (origin, root): (String, Option<(kaching_license::RootKey, String)>),
        from: &Contents,
    ) -> Result<()> {
        self.store_time().await?;
        self.load_keys().await?;
        let entry = json!({ "from": from.head.engine, "rows": from.rows() });
        self.write("backup.end_move", cx, move |tx, op| {
            if let Some((public, sealed)) = &root {
                sql::keep_root(tx, public, sealed)?;
            }
            sql::set_moved_from(tx, &origin)?;
            op.on("backup.move", op.keys.epoch);
            op.audit(tx, Entry::ok(entry.clone()))?;
            Ok::<_, Error>(tx.end_copy()?)
        })
        .await
    }
}
