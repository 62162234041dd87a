//! An authority of its own for each test, on either engine.

use std::sync::Arc;

use kaching_authority::{Authority, Clock as _, Issuer, MasterKey, Options, RootStore};
use kaching_base::Secret;
use kaching_db::{Config, Db, Engine, Json};
use prometheus_client::registry::Registry;
use tempfile::TempDir;

use crate::{
    FakeClock, SeededEntropy,
    postgres::{self, postgres},
};

/// A fresh authority with a clock that only the test moves and randomness that repeats itself.
pub struct World {
    /// The authority.
    pub authority: Arc<Authority>,
    /// Its clock.
    pub clock: Arc<FakeClock>,
    /// Its database.
    pub engine: Engine,
    /// Its metrics.
    pub registry: Registry,
    /// Its data directory; removed with the world.
    pub directory: TempDir,
    /// Its database.
    pub database: Config,
    /// Of PostgreSQL's.
    url: Option<String>,
    entropy: Arc<SeededEntropy>,
}

/// Blocks all writes to a database until it is dropped.
pub struct Held {
    _release: std::sync::mpsc::Sender<()>,
    _db: Db,
}

/// An increment that an installation has reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Increment {
    /// The installation.
    pub fingerprint: String,
    /// The counter.
    pub meter: String,
    /// Its number at the installation.
    pub seq: i64,
    /// The number.
    pub amount: i64,
}

/// The public URL of every world.
pub const ISSUER: &str = "https://licenses.example.com";

impl World {
    /// A fresh authority on this engine.
    pub async fn on(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = (engine == Engine::Postgres).then(postgres);
        Self::open(directory, url, FakeClock::default(), SeededEntropy::default()).await
    }

    async fn open(directory: TempDir, url: Option<String>, clock: FakeClock, entropy: SeededEntropy) -> Self {
        let (database, engine) = match &url {
            Some(url) => (Config::postgres(url.clone()), Engine::Postgres),
            None => (Config::sqlite(directory.path().join("kaching.db")), Engine::Sqlite),
        };
        let (clock, entropy, mut registry) = (Arc::new(clock), Arc::new(entropy), Registry::default());
        let authority = open(&database, directory.path(), &clock, &entropy, &mut registry).await;
        Self { authority, clock, engine, registry, directory, database, url, entropy }
    }

    /// Runs a test in a fresh world on each engine.
    pub async fn each<F: Future<Output = ()>>(test: impl Fn(Self) -> F) {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            test(Self::on(engine).await).await;
        }
    }

    /// A world of its own on a copy of this one's data, which is sooner there than one that begins from nothing. Close
    /// this one's authority before. Its clock begins at this one's time, its randomness with this sequence.
    pub async fn copy(&self, sequence: u64) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for entry in std::fs::read_dir(self.directory.path()).expect("the directory can be read").flatten() {
            let to = directory.path().join(entry.file_name());
            std::fs::copy(entry.path(), to).expect("a file can be copied");
        }
        let clock = FakeClock::default();
        clock.set(self.clock.now());
        let url = self.url.as_deref().map(postgres::copy_of);
        Self::open(directory, url, clock, SeededEntropy::new(sequence)).await
    }

    /// Another authority on this one's database, with the same clock and keys, as a second replica is. Its randomness
    /// begins with this sequence.
    pub async fn replica(&self, sequence: u64) -> Arc<Authority> {
        let entropy = Arc::new(SeededEntropy::new(sequence));
        open(&self.database, self.directory.path(), &self.clock, &entropy, &mut Registry::default()).await
    }

    /// Blocks all writes to the database until the returned value is dropped; reads continue.
    pub async fn hold(&self) -> Held {
        let metrics = kaching_db::Metrics::register(&mut Registry::default());
        let db = Db::open(self.database.clone(), metrics).await.expect("the database can be opened twice");
        let (held, holding) = tokio::sync::oneshot::channel();
        let (release, released) = std::sync::mpsc::channel();
        let (mut held, writer) = (Some(held), db.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let write = writer.write("testkit.hold", move |tx| {
                if tx.engine() == Engine::Postgres {
                    tx.execute("lock table activations in exclusive mode", &[])?;
                }
                held.take().map(|held| held.send(()));
                // An error means that it was dropped, which is what is waited for.
                let _ = released.recv();
                Ok::<_, kaching_db::Error>(())
            });
            runtime.expect("a runtime").block_on(write).expect("nothing was written")
        });
        holding.await.expect("the database can be held");
        Held { _release: release, _db: db }
    }

    /// Returns the increments of counters that are stored, each once, whether or not they have been rolled up.
    pub async fn usage(&self) -> Vec<Increment> {
        let metrics = kaching_db::Metrics::register(&mut Registry::default());
        let db = Db::open(self.database.clone(), metrics).await.expect("the database can be opened twice");
        let sql = "select a.fingerprint, u.meter, u.seq, u.amount from usage_reports u, activations a
                   where a.id = u.activation order by a.fingerprint, u.meter, u.seq";
        let inbox =
            "select a.fingerprint, i.increments from usage_inbox i, activations a where a.id = i.activation";
        let read = db.read("testkit.usage", move |tx| {
            let mut usage = tx.query_all(sql, &[], |row| {
                Ok(Increment {
                    fingerprint: row.get(0)?,
                    meter: row.get(1)?,
                    seq: row.get(2)?,
                    amount: row.get(3)?,
                })
            })?;
            let waiting = tx.query_all(inbox, &[], |row| {
                Ok((row.get::<String>(0)?, row.get::<Json<Vec<serde_json::Value>>>(1)?.0))
            })?;
            for (fingerprint, increments) in waiting {
                usage.extend(increments.iter().map(|one| Increment {
                    fingerprint: fingerprint.clone(),
                    meter: one["meter"].as_str().expect("a meter").to_owned(),
                    seq: one["seq"].as_i64().expect("a seq"),
                    amount: one["amount"].as_i64().expect("an amount"),
                }));
            }
            Ok::<_, kaching_db::Error>(usage)
        });
        let mut usage = read.await.expect("the increments can be read");
        db.close().await;
        usage.sort();
        usage.dedup_by(|a, b| (&a.fingerprint, &a.meter, a.seq) == (&b.fingerprint, &b.meter, b.seq));
        usage
    }

    /// Damages the payload of every job in the queue, so that it cannot be read.
    pub async fn damage_jobs(&self) {
        let metrics = kaching_db::Metrics::register(&mut Registry::default());
        let db = Db::open(self.database.clone(), metrics).await.expect("the database can be opened twice");
        let damage = db.write("testkit.damage", |tx| tx.execute("update jobs set payload = 'damaged'", &[]));
        damage.await.expect("the jobs can be changed");
        db.close().await;
    }

    /// Closes the authority and opens it again on the same data, as a restart does.
    pub async fn restart(&mut self) {
        self.authority.close().await;
        self.registry = Registry::default();
        let directory = self.directory.path();
        self.authority =
            open(&self.database, directory, &self.clock, &self.entropy, &mut self.registry).await;
    }
}

async fn open(
    database: &Config,
    directory: &std::path::Path,
    clock: &Arc<FakeClock>,
    entropy: &Arc<SeededEntropy>,
    registry: &mut Registry,
) -> Arc<Authority> {
    let options = Options {
        database: database.clone(),
        directory: directory.to_owned(),
        master: Some(MasterKey::new([7; 32])),
        root_store: RootStore::Directory(directory.to_owned()),
        root_passphrase: Secret::new(String::new()),
        issuer: Issuer::Named(ISSUER.to_owned()),
        clock: Arc::<FakeClock>::clone(clock),
        entropy: Arc::<SeededEntropy>::clone(entropy),
    };
    Arc::new(Authority::open(options, registry).await.expect("a fresh authority opens"))
}

/// Keeps a world in one piece: without this an `async` block would capture only the fields that it names, and the
/// directory would be gone before the test began.
impl Drop for World {
    fn drop(&mut self) {}
}
