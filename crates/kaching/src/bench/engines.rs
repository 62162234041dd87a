//! The engines that are measured, one after the other, each on an authority of its own.

use clap::{Args, ValueEnum};
use kaching_private_postgres::{Database, Place as Own, Server};

use super::{
    disk::Disk,
    figures::Figures,
    stand::{Place, Setting, Stand},
};
use crate::{failure::Failure, output::remark, settings::sentence};

/// What is measured beside SQLite.
#[derive(Clone, Default, Args)]
pub(super) struct Engines {
    /// A PostgreSQL server, on which a database is made and dropped; a private one where its programs are installed
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

/// A database for one measurement, gone with this.
pub(super) enum Postgres {
    /// On a server that was named: where its disk is, only it knows.
    Named(Database),
    /// On a server of our own, which ends with this.
    Private { url: String, _server: Server },
}

impl Postgres {
    pub(super) fn place(&self) -> Place {
        let (url, on_disk) = match self {
            Self::Named(database) => (database.url(), false),
            Self::Private { url, .. } => (url.clone(), true),
        };
        Place { engine: "postgres", url: Some(url), on_disk }
    }
}

/// SQLite, in the data directory.
pub(super) const SQLITE: Place = Place { engine: "sqlite", url: None, on_disk: true };

impl Engines {
    /// Only SQLite.
    pub(super) fn sqlite() -> Self {
        Self { postgres: None, engine: Some(Engine::Sqlite) }
    }

    /// Measures on each engine that is there.
    pub(super) async fn each(
        &self,
        disk: &Disk,
        setting: Setting,
        bench: impl AsyncFn(&mut Stand<'_>) -> Result<Vec<Figures>, Failure>,
    ) -> Result<Vec<Figures>, Failure> {
        // One that was named and cannot be used is told before anything is measured.
        let postgres = if self.engine == Some(Engine::Sqlite) { None } else { self.database(disk)? };
        let mut rows = Vec::new();
        if self.engine != Some(Engine::Postgres) {
            rows.extend(on(Stand::set(disk, &SQLITE, setting).await?, &bench).await?);
        }
        if let Some(postgres) = &postgres {
            rows.extend(on(Stand::set(disk, &postgres.place(), setting).await?, &bench).await?);
        }
        Ok(rows)
    }

    /// A database on PostgreSQL, or a line that says why there is none.
    pub(super) fn database(&self, disk: &Disk) -> Result<Option<Postgres>, Failure> {
        if let Some(server) = &self.postgres {
            let name = format!("kaching_bench_{}", std::process::id());
            let made = Database::make(server, &name).map_err(|error| sentence(&error.to_string()))?;
            return Ok(Some(Postgres::Named(made)));
        }
        // A replica has some connections of its own.
        let place = Own { parent: Some(disk.path()), settings: &["max_connections=200"], ..Own::default() };
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

async fn on(
    mut stand: Stand<'_>,
    bench: &impl AsyncFn(&mut Stand<'_>) -> Result<Vec<Figures>, Failure>,
) -> Result<Vec<Figures>, Failure> {
    let figures = bench(&mut stand).await;
    stand.strike().await;
    figures
}
