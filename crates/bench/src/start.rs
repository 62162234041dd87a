use std::time::Duration;

use clap::Args;

use super::{
    bench_server::{BenchServer, ServerOptions},
    disk::Disk,
    engines::SQLITE,
    figures::{Figures, rounded},
    heartbeat::HeartbeatCaller,
    load::{LoadPattern, LoadResult},
    server_process::ServerProcess,
};
use kaching_command::{failure::Failure, output::show_progress};

/// The time until a server is ready, after a start and after a kill under load
#[derive(Args)]
pub struct Start {
    /// Stored installations
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    pub(super) activations: u64,
    /// How many times it is stopped and started, then killed and started
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) cycles: u32,
}

/// The time for which heartbeats arrive before each kill, so that it interrupts writes.
const LOADED: Duration = Duration::from_millis(200);
const CONNECTIONS: u32 = 16;

impl Start {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = ServerOptions { installations: self.activations, ..ServerOptions::default() };
        let mut server = BenchServer::start(disk, &SQLITE, setting).await?;
        let rows = self.cycles(&mut server).await;
        server.remove().await;
        rows
    }

    async fn cycles(&self, server: &mut BenchServer<'_>) -> Result<Vec<Figures>, Failure> {
        let (mut starts, mut kills, mut idle) = (LoadResult::default(), LoadResult::default(), None);
        for cycle in 1..=self.cycles {
            show_progress(&format!("start {cycle} of {}", self.cycles));
            server.stop().await;
            starts.record(started(server).await?);
            idle = idle.or(server.rss_mib());
        }
        for cycle in 1..=self.cycles {
            show_progress(&format!("kill {cycle} of {}", self.cycles));
            let callers = HeartbeatCaller::share_out(server, CONNECTIONS);
            let (measured, callers) = server.load(callers, LoadPattern::Closed(LOADED)).await?;
            server.installations =
                callers.into_iter().flat_map(HeartbeatCaller::into_installations).collect();
            kills.errors += measured.errors;
            kills.error = kills.error.take().or(measured.error);
            if let Some(server) = server.process.take() {
                server.kill().await;
            }
            kills.record(started(server).await?);
        }
        let row = |of: &str, mut measured: LoadResult| {
            measured.micros.sort_unstable();
            Figures {
                of: Some(of.to_owned()),
                engine: Some(server.engine),
                activations: Some(server.filled),
                checks: Some(u64::from(self.cycles)),
                errors: measured.errors,
                ..Figures::named("start").with_latencies(&measured)
            }
        };
        let first = Figures { rss_mib: idle.map(|mib| rounded(mib, 1)), ..row("start to serving", starts) };
        Ok(vec![first, row("kill -9 to serving", kills)])
    }
}

/// Starts the server process, and returns how long it took until it was ready.
async fn started(server: &mut BenchServer<'_>) -> Result<Duration, Failure> {
    let process = ServerProcess::spawn(server.path(), server.address, &["bench", "serving"])?;
    let process = server.process.insert(process);
    server.disk.unless_interrupted(process.ready_after()).await
}
