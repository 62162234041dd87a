use kaching_db::{Config, Db, Engine, Metrics};
use prometheus_client::registry::Registry;
use tempfile::TempDir;

use crate::postgres;

/// An empty database of its own on one of the engines; SQLite's file is removed with it.
pub struct Scratch {
    /// Its location.
    pub config: Config,
    /// The folder of SQLite's file, and a place for other files of the test.
    pub folder: TempDir,
    /// The URL of the database for another process, on PostgreSQL.
    pub url: Option<String>,
}

/// An empty database on each engine: a test that goes through these runs on both.
///
/// # Panics
/// If PostgreSQL is not installed.
pub fn engines() -> [Scratch; 2] {
    [Scratch::new(Engine::Sqlite), Scratch::new(Engine::Postgres)]
}

impl Scratch {
    /// An empty database on this engine.
    ///
    /// # Panics
    /// If PostgreSQL is not installed.
    pub fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let url = (engine == Engine::Postgres).then(postgres);
        let config = match &url {
            None => Config::sqlite(folder.path().join("kaching.db")),
            Some(url) => Config::postgres(url.as_str()),
        };
        Self { config, folder, url }
    }

    /// A database of PostgreSQL's that somebody else keeps.
    ///
    /// # Panics
    /// If there is no place for the folder.
    pub fn at(url: String) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { config: Config::postgres(url.as_str()), folder, url: Some(url) }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.config.engine()
    }

    /// Opens the database.
    ///
    /// # Panics
    /// If that fails.
    pub async fn open(&self) -> Db {
        let metrics = Metrics::register(&mut Registry::default());
        Db::open(self.config.clone(), metrics).await.expect("a database of its own can be opened")
    }
}
