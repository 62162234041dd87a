//! An authority of its own for each test, on either engine.

use std::sync::Arc;

use kaching_authority::{Authority, Issuer, MasterKey, Options, RootStore};
use kaching_base::Secret;
use kaching_db::{Config, Engine};
use prometheus_client::registry::Registry;

use crate::{FakeClock, SeededEntropy, postgres};

/// A fresh authority with a clock that stands still and randomness that repeats itself.
pub struct World {
    /// The authority.
    pub authority: Arc<Authority>,
    /// Its clock.
    pub clock: Arc<FakeClock>,
    /// What it runs on.
    pub engine: Engine,
    /// Its metrics.
    pub registry: Registry,
    /// Its data directory; removed with the world.
    pub directory: tempfile::TempDir,
    /// Its database.
    pub database: Config,
    entropy: Arc<SeededEntropy>,
}

/// The public URL of every world.
pub const ISSUER: &str = "https://licenses.example.com";

impl World {
    /// A fresh authority on this engine.
    pub async fn on(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = match engine {
            Engine::Sqlite => Config::sqlite(directory.path().join("kaching.db")),
            Engine::Postgres => Config::postgres(postgres()),
        };
        let clock = Arc::new(FakeClock::default());
        let mut registry = Registry::default();
        let entropy = Arc::new(SeededEntropy::default());
        let authority = open(&database, directory.path(), &clock, &entropy, &mut registry).await;
        Self { authority, clock, engine, registry, directory, database, entropy }
    }

    /// Runs a test in a fresh world on each engine.
    pub async fn each<F: Future<Output = ()>>(test: impl Fn(Self) -> F) {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            test(Self::on(engine).await).await;
        }
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
