use std::time::Duration;

use clap::Args;

use super::{
    disk::{Disk, tell},
    engines::SQLITE,
    figures::{Figures, rounded},
    heartbeat::Beating,
    load::{Measure, Measured},
    server::Server,
    stand::{Setting, Stand},
};
use crate::failure::Failure;

/// How soon a server answers, after its start and after a kill under load
#[derive(Args)]
pub(crate) struct Start {
    /// Installations that are stored
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    pub(super) activations: u64,
    /// How often it is ended and started, and killed and started
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) cycles: u32,
}

/// How long heartbeats come in before each kill, so that it meets writes.
const LOADED: Duration = Duration::from_millis(200);
const CONNECTIONS: u32 = 16;

impl Start {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = Setting { installations: self.activations, ..Setting::default() };
        let mut stand = Stand::set(disk, &SQLITE, setting).await?;
        let rows = self.cycles(&mut stand).await;
        stand.strike().await;
        rows
    }

    async fn cycles(&self, stand: &mut Stand<'_>) -> Result<Vec<Figures>, Failure> {
        let (mut starts, mut kills, mut idle) = (Measured::default(), Measured::default(), None);
        for cycle in 1..=self.cycles {
            tell(&format!("start {cycle} of {}", self.cycles));
            stand.end().await;
            starts.took(started(stand).await?);
            idle = idle.or(stand.rss_mib());
        }
        for cycle in 1..=self.cycles {
            tell(&format!("kill {cycle} of {}", self.cycles));
            let callers = Beating::share(stand, CONNECTIONS);
            let (beats, callers) = stand.load(callers, Measure::Closed(LOADED)).await?;
            stand.installations = callers.into_iter().flat_map(Beating::back).collect();
            kills.errors += beats.errors;
            kills.error = kills.error.take().or(beats.error);
            if let Some(server) = stand.server.take() {
                server.kill().await;
            }
            kills.took(started(stand).await?);
        }
        let row = |of: &str, mut measured: Measured| {
            measured.micros.sort_unstable();
            Figures {
                of: Some(of.to_owned()),
                engine: Some(stand.engine),
                activations: Some(stand.filled),
                checks: Some(u64::from(self.cycles)),
                errors: measured.errors,
                ..Figures::named("start").times(&measured)
            }
        };
        let first = Figures { rss_mib: idle.map(|mib| rounded(mib, 1)), ..row("start to serving", starts) };
        Ok(vec![first, row("kill -9 to serving", kills)])
    }
}

/// Starts the server, as a person does, and says how long it took to serve.
async fn started(stand: &mut Stand<'_>) -> Result<Duration, Failure> {
    let server = Server::spawn(stand.path(), stand.address, &["bench", "serving"])?;
    let server = stand.server.insert(server);
    stand.disk.unless_interrupted(server.after()).await
}
