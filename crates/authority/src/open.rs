//! Opens the authority: the database, its keys, and on a first start makes them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use kaching_base::{Secret, Timestamp, decode_text};
use kaching_db::{self as db, Db, Tx};
use kaching_license::KeyPurpose;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, Semaphore};

use crate::{
    Authority, Clock, Cx, DailyLimits, Entropy, Error, Result, Retention,
    activations::heartbeat_batcher,
    backup,
    changes::{self, Changes},
    clock::ClockWatch,
    entitlement::EntitlementCache,
    jobs::{self, JobKind, TASKS, Task, TaskReports},
    keys::{
        DataKeys, KeyRing, MasterKey, RootKeeper, RootStore, Sealer, StoredKey, StoredKeyset, write_private,
    },
    metrics::AuthorityMetrics,
    migrations,
    pace::Pace,
    refusals::Repeated,
    statements::Statements,
    tokens,
};

/// The options with which the authority is opened.
pub struct Options {
    /// The database.
    pub database: db::Config,
    /// The directory of `master.key` and `first-token`.
    pub directory: PathBuf,
    /// The master key, where it does not come from the directory.
    pub master: Option<MasterKey>,
    /// The place where the root's private half is kept.
    pub root_store: RootStore,
    /// The passphrase that opens it; empty by default.
    pub root_passphrase: Secret<String>,
    /// The public URL, which statements name as their issuer.
    pub issuer: Issuer,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The issuer that statements are to name. Once there is a keyset, its issuer is on record: clients believe no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// This URL and no other; it replaces a recorded address of this machine's loopback without asking.
    Named(String),
    /// This URL on a first start, and the recorded one later.
    Default(String),
}

impl Authority {
    /// Opens the database, brings its schema up to date and loads the keys. On a first start it makes the master
    /// key, the root, the signing keys and the first token.
    ///
    /// # Errors
    /// With one sentence that says what to do, if any part of it cannot be used.
    pub async fn open(options: Options, registry: &mut Registry) -> Result<Self> {
        let Options { database, directory, master, root_store, root_passphrase, issuer, clock, entropy } =
            options;
        let registry = registry.sub_registry_with_prefix("kaching");
        let listening = changes::ChangeMetrics::register(registry);
        let db = Db::open(database, db::Metrics::register(registry)).await?;
        if db.unfinished().await?.is_some() {
            return Err(Error::Failure(
                "what was copied into this database is not whole: run the same kaching restore or kaching migrate again"
                    .to_owned(),
            ));
        }
        db.migrate(&migrations::ALL).await?;
        let first = !db.read("keys.exist", DataKeys::exist).await?;
        let (master, made) = match master {
            Some(master) => (master, false),
            None => master_of(&directory, first, entropy.as_ref())?,
        };
        let root = Arc::new(RootKeeper::new(root_store, root_passphrase));
        let new = if first { Some(NewKeys::draw(entropy.as_ref())) } else { None };
        if let Some(new) = new {
            let (now, sealing) = (clock.now(), master.clone());
            db.write("keys.make", move |tx| new.store(tx, &sealing, now)).await?;
        }
        if !first {
            // Tokens that an earlier release has stored are adopted once.
            tokens::adopt(&db, &master, entropy.as_ref()).await?;
        }
        let sealing = master.clone();
        let data = db
            .read("keys.load", move |tx| DataKeys::load(tx, &sealing))
            .await
            .map_err(|error| if made { no_longer_first(error, &directory) } else { error })?;
        let recorded = db.read("keys.issuer", StoredKeyset::issuer).await?;
        let changed = issuer.replaces(recorded.as_deref())?;
        let (Issuer::Named(issuer) | Issuer::Default(issuer)) = issuer;
        let changes = Changes::new(listening, db.read("changes.mark", changes::sql::newest).await?);
        let authority = Self::of(db, (master, data), root, issuer, (clock, entropy), changes);
        authority.metrics.register(registry);
        let (kinds, tasks) = (jobs::KINDS.iter().map(JobKind::name), TASKS.iter().map(Task::name));
        authority.metrics.jobs.register(registry, kinds, tasks);
        authority.begin_watch().await?;
        authority.load_keys().await?;
        // Opening the root takes half a second and 64 MiB: a start does that only where it could not serve without.
        // A keyset that counts is renewed by the work of each minute, and says there what is wrong.
        let dated = authority.check_clock(authority.now()).is_ok();
        if dated && authority.check_keyset().is_err() {
            authority.renew_keyset().await?;
        }
        if dated && changed {
            authority.change_issuer(Cx::system("start"), authority.opened_for.clone()).await?;
        }
        authority.respell_domains().await?;
        authority.index_words().await?;
        authority.notice_foreign_root().await?;
        authority.make_first_token(&directory).await?;
        Ok(authority)
    }

    /// Returns the authority with other limits on stored data than the defaults.
    pub fn with_limits(self, daily: DailyLimits, retention: Retention) -> Self {
        Self { daily, retention, ..self }
    }

    /// Returns the authority with a schedule of backups.
    pub fn with_backups(self, backups: Option<backup::Schedule>) -> Self {
        Self { backups, ..self }
    }

    /// Returns the authority of an existing database, before it has loaded its signing keys.
    pub(crate) fn of(
        db: Db,
        (master, data): (MasterKey, DataKeys),
        root: Arc<RootKeeper>,
        issuer: String,
        (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
        changes: Changes,
    ) -> Self {
        let (entitlements, metrics) = (Arc::new(EntitlementCache::default()), AuthorityMetrics::default());
        let watch = ClockWatch::begin(clock.as_ref());
        Self {
            heartbeats: heartbeat_batcher(&db, Arc::clone(&entitlements)),
            entitlements,
            db,
            ring: ArcSwap::from_pointee(KeyRing::empty(&data)),
            root,
            master,
            data,
            opened_for: issuer,
            clock,
            entropy,
            changes,
            watch,
            refusals: Repeated::default(),
            statements: Statements::new(metrics.slow.clone()),
            metrics,
            pace: Pace::default(),
            daily: DailyLimits::default(),
            retention: Retention::default(),
            job_kinds: vec![&jobs::KINDS],
            jobs_enqueued: Notify::new(),
            task_reports: TaskReports::default(),
            backups: None,
            copying: Arc::new(Semaphore::new(1)),
        }
    }
}

/// The keys that a first start generates.
struct NewKeys {
    data: DataKeys,
    signing: [u8; 32],
}

impl NewKeys {
    fn draw(entropy: &dyn Entropy) -> Self {
        let key = || Secret::new(entropy.seed());
        let (seal, lookup, credential, signing) = (key(), key(), key(), entropy.seed());
        Self { data: DataKeys { seal, lookup, credential, token: Some(key()) }, signing }
    }

    /// Stores them. Where two servers start at the same moment, the second waits here for the first, and stores none.
    fn store(&self, tx: &mut Tx<'_>, master: &MasterKey, now: Timestamp) -> Result<()> {
        let epoch = "insert into settings (name, value) values ('epoch', '1') on conflict (name) do nothing";
        if tx.execute(epoch, &[])? == 1 {
            self.data.store(tx, master)?;
            let sealer = Sealer::new(&self.data.seal);
            StoredKey::ed25519(self.signing, KeyPurpose::Lease, now)?.store(tx, &sealer)?;
        }
        Ok(())
    }
}

/// Explains an error of the first start. Where another server has made the keys meanwhile, its master key counts: ours
/// has sealed nothing, and is removed. After an error of the database it stays, since our keys may have been stored.
fn no_longer_first(error: Error, directory: &Path) -> Error {
    let Error::Failure(_) = error else { return error };
    let path = directory.join("master.key");
    let _ = fs::remove_file(&path);
    Error::Failure(format!(
        "another server has just made the keys of this database: copy its master.key to {}, and start again",
        path.display()
    ))
}

/// The master key of the directory, and whether it was made there now: on a first start.
fn master_of(directory: &Path, first: bool, entropy: &dyn Entropy) -> Result<(MasterKey, bool)> {
    let path = directory.join("master.key");
    match fs::read(&path) {
        Ok(bytes) => MasterKey::parse(&decode_text(&bytes).unwrap_or_default())
            .map(|master| (master, false))
            .map_err(|error| Error::Failure(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && first => {
            let master = MasterKey::new(entropy.seed());
            write_private(&path, &format!("{}\n", master.encode().expose()))?;
            Ok((master, true))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::Failure(format!(
            "the master key is missing: put {} back, or name it with keys.master",
            path.display()
        ))),
        Err(error) => Err(Error::Failure(format!("{} cannot be read: {error}", path.display()))),
    }
}
