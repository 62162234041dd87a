//! The engines that are measured, one after the other, each on an authority of its own.

use clap::Args;
use kaching_private_postgres::{Database, Place, Server};

use super::{
    figures::Figures,
    stand::{Disk, Stand},
};
use crate::{failure::Failure, output::remark, settings::sentence};

/// Which PostgreSQL is measured beside SQLite.
#[derive(Args)]
pub(super) struct Engines {
    /// A PostgreSQL server, on which a database is made and dropped; a private one where its programs are installed
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

/// A database for one measurement, gone with this.
enum Postgres {
    /// On a server that was named: where its disk is, only it knows.
    Named(Database),
    /// On a server of our own, which ends with this.
    Private { url: String, _server: Server },
}

impl Engines {
    /// Measures on each engine that is there.
    pub(super) async fn each(
        &self,
        disk: &Disk,
        bench: impl AsyncFn(&Stand) -> Result<Figures, Failure>,
    ) -> Result<Vec<Figures>, Failure> {
        // One that was named and cannot be used is told before anything is measured.
        let postgres = self.postgres(disk)?;
        let mut rows = vec![on(Stand::sqlite(disk).await?, &bench).await?];
        if let Some(postgres) = &postgres {
            let (url, on_disk) = match postgres {
                Postgres::Named(database) => (database.url(), false),
                Postgres::Private { url, .. } => (url.clone(), true),
            };
            rows.push(on(Stand::postgres(disk, url, on_disk).await?, &bench).await?);
        }
        Ok(rows)
    }

    fn postgres(&self, disk: &Disk) -> Result<Option<Postgres>, Failure> {
        if let Some(server) = &self.postgres {
            let name = format!("kaching_bench_{}", std::process::id());
            let made = Database::make(server, &name).map_err(|error| sentence(&error.to_string()))?;
            return Ok(Some(Postgres::Named(made)));
        }
        let place = Place { parent: Some(disk.path()), ..Place::default() };
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
    stand: Stand,
    bench: &impl AsyncFn(&Stand) -> Result<Figures, Failure>,
) -> Result<Figures, Failure> {
    let figures = bench(&stand).await;
    stand.strike().await;
    figures
}
