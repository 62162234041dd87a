//! The engines that are measured, one after the other, each on an authority of its own.

use clap::{Args, ValueEnum};
use kaching_private_postgres::{Database, Place, Server};

use super::{
    bench_server::{BenchServer, DatabaseLocation, ServerOptions},
    disk::Disk,
    figures::Figures,
};
use kaching_command::{failure::Failure, output::remark};

/// The flags that choose the engines.
#[derive(Clone, Default, Args)]
pub(super) struct Engines {
    /// A PostgreSQL server, on which a database is created and dropped; unless set, a private server if PostgreSQL is installed
    #[arg(long, value_name = "URL")]
    pub(super) postgres: Option<String>,
    /// Only this engine
    #[arg(long, value_name = "ENGINE")]
    pub(super) engine: Option<Engine>,
}

/// An engine.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Engine {
    /// In the process
    Sqlite,
    /// A server
    Postgres,
}

/// A PostgreSQL database for one measurement, which is removed when this is dropped.
pub(super) enum Postgres {
    /// On a named server, whose disk is not known.
    Named(Database),
    /// On a private server.
    Private { url: String, _server: Server },
}

impl Postgres {
    pub(super) fn location(&self) -> DatabaseLocation {
        let (url, on_disk) = match self {
            Self::Named(database) => (database.url(), false),
            Self::Private { url, .. } => (url.clone(), true),
        };
        DatabaseLocation { engine: "postgres", url: Some(url), on_disk }
    }
}

/// SQLite, in the data directory.
pub(super) const SQLITE: DatabaseLocation = DatabaseLocation { engine: "sqlite", url: None, on_disk: true };

impl Engines {
    /// Only SQLite.
    pub(super) fn sqlite() -> Self {
        Self { postgres: None, engine: Some(Engine::Sqlite) }
    }

    /// Measures on each chosen engine, on an authority of its own.
    pub(super) async fn each(
        &self,
        disk: &Disk,
        setting: ServerOptions,
        bench: impl AsyncFn(&mut BenchServer<'_>) -> Result<Vec<Figures>, Failure>,
    ) -> Result<Vec<Figures>, Failure> {
        // A PostgreSQL that cannot be used is an error before anything is measured.
        let postgres = if self.engine == Some(Engine::Sqlite) { None } else { self.database(disk)? };
        let mut rows = Vec::new();
        if self.engine != Some(Engine::Postgres) {
            rows.extend(run_on(BenchServer::start(disk, &SQLITE, setting).await?, &bench).await?);
        }
        if let Some(postgres) = &postgres {
            rows.extend(
                run_on(BenchServer::start(disk, &postgres.location(), setting).await?, &bench).await?,
            );
        }
        Ok(rows)
    }

    /// Returns a database on PostgreSQL. If there is none, prints why, and returns `None`.
    pub(super) fn database(&self, disk: &Disk) -> Result<Option<Postgres>, Failure> {
        if let Some(server) = &self.postgres {
            let name = format!("kaching_bench_{}", std::process::id());
            let made = Database::make(server, &name).map_err(Failure::from_error)?;
            return Ok(Some(Postgres::Named(made)));
        }
        // Each replica has connections of its own.
        let place =
            Place { parent: Some(disk.path()), settings: &["max_connections=200"], ..Place::default() };
        let started = Server::start(&place)
            .and_then(|server| Ok(Postgres::Private { url: server.database()?, _server: server }));
        match started {
            Ok(private) => Ok(Some(private)),
            Err(error) => {
                remark(&format!("PostgreSQL is not measured: {error}, or name a server with --postgres."));
                Ok(None)
            }
        }
    }
}

async fn run_on(
    mut server: BenchServer<'_>,
    bench: &impl AsyncFn(&mut BenchServer<'_>) -> Result<Vec<Figures>, Failure>,
) -> Result<Vec<Figures>, Failure> {
    let figures = bench(&mut server).await;
    server.remove().await;
    figures
}
