#![doc = include_str!("../README.md")]

use clap::Subcommand;
use kaching_server::{Shutdown, shutdown};

use kaching_command::{failure::Failure, log, output::Output, remote::AuthorityTarget, serve::Signals};

mod activate;
mod admin;
mod all;
mod bench_server;
mod ceiling;
mod check;
mod connection;
mod disk;
mod engines;
mod events;
mod figures;
mod growth;
mod heartbeat;
mod load;
mod plot;
mod reconnect_storm;
mod report;
mod scale;
mod series;
mod serve_for_bench;
mod server_process;
mod start;
mod validate;
mod verify;

use disk::Disk;

/// Measure a temporary authority over loopback, and remove it
///
/// The authority runs in a process of its own. In a closed loop each connection sends its next request after its last answer.
/// In an open loop (--rate, --sweep) requests are due at a fixed rate, and latencies count from then. Authority, database and
/// load share this machine's processors. The files are in TMPDIR, or /var/tmp: choose the disk that you want to measure.
#[derive(Subcommand)]
pub enum BenchCommand {
    Heartbeat(heartbeat::Heartbeat),
    Activate(activate::Activate),
    Validate(validate::Validate),
    Ceiling(ceiling::Ceiling),
    Check(check::Check),
    Verify(verify::Verify),
    Admin(admin::Admin),
    Events(events::Events),
    Scale(scale::Scale),
    Growth(growth::Growth),
    Start(start::Start),
    Herd(reconnect_storm::ReconnectStorm),
    All(all::All),
    #[command(hide = true)]
    Serving(serve_for_bench::ServeForBench),
    #[command(hide = true)]
    Listening(events::HoldStreams),
}

impl BenchCommand {
    /// Measures and prints the figures.
    pub async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Serving(serving) => return serving.run(target, output).await,
            Self::Listening(listening) => return listening.run().await,
            _ => {}
        }
        log::failures();
        let mut signals = Signals::listen()?;
        let (stop, interrupted) = shutdown();
        let measured = self.measure(interrupted, output);
        tokio::pin!(measured);
        tokio::select! {
            done = &mut measured => done,
            () = signals.requested() => {
                stop.now();
                measured.await
            }
        }
    }

    async fn measure(self, interrupted: Shutdown, output: &Output) -> Result<(), Failure> {
        let disk = Disk::choose(interrupted)?;
        let rows = match self {
            Self::Heartbeat(bench) => bench.rows(&disk).await,
            Self::Activate(bench) => bench.rows(&disk).await,
            Self::Validate(bench) => bench.rows(&disk).await,
            Self::Ceiling(bench) => bench.rows(&disk).await,
            Self::Check(bench) => bench.rows(&disk).await,
            Self::Verify(bench) => bench.rows(&disk).await,
            Self::Admin(bench) => bench.rows(&disk).await,
            Self::Events(bench) => bench.rows(&disk).await,
            Self::Scale(bench) => bench.rows(&disk).await,
            Self::Growth(bench) => bench.rows(&disk).await,
            Self::Start(bench) => bench.rows(&disk).await,
            Self::All(bench) => bench.rows(&disk).await,
            Self::Herd(bench) => return bench.run(&disk, output).await,
            Self::Serving(_) | Self::Listening(_) => Ok(Vec::new()),
        };
        figures::print(&rows?, output)
    }
}
