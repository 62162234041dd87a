//! How much an authority does on this machine: each measured against a temporary one, over real sockets.

use std::time::Duration;

use clap::{Args, Subcommand};
use kaching_server::{Shutdown, shutdown};

use crate::{failure::Failure, log, output::Output, serve::Signals};

mod activate;
mod ceiling;
mod check;
mod engines;
mod figures;
mod heartbeat;
mod herd;
mod load;
mod stand;
mod validate;
mod wire;

use stand::Disk;

/// Measure on a temporary authority, which it removes, over loopback
///
/// A closed loop: each connection sends its next request when the answer to its last one is there. Authority, database and
/// load share this machine's processors. What is stored is in TMPDIR, or /var/tmp: choose the disk that is to be measured.
#[derive(Subcommand)]
pub(crate) enum Command {
    Heartbeat(heartbeat::Heartbeat),
    Activate(activate::Activate),
    Validate(validate::Validate),
    Ceiling(ceiling::Ceiling),
    Check(check::Check),
    Herd(herd::Herd),
}

/// How much is asked, and for how long.
#[derive(Clone, Copy, Args)]
struct Load {
    /// Seconds that are measured, after a quarter of that to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
}

impl Load {
    fn span(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

impl Command {
    pub(crate) async fn run(self, output: &Output) -> Result<(), Failure> {
        log::failures();
        let mut signals = Signals::listen()?;
        let (stop, interrupted) = shutdown();
        let measured = self.measure(interrupted, output);
        tokio::pin!(measured);
        tokio::select! {
            done = &mut measured => done,
            () = signals.asked() => {
                stop.now();
                measured.await
            }
        }
    }

    async fn measure(self, interrupted: Shutdown, output: &Output) -> Result<(), Failure> {
        let disk = Disk::choose(interrupted)?;
        match self {
            Self::Heartbeat(bench) => bench.run(&disk, output).await,
            Self::Activate(bench) => bench.run(&disk, output).await,
            Self::Validate(bench) => bench.run(&disk, output).await,
            Self::Ceiling(bench) => bench.run(&disk, output).await,
            Self::Check(bench) => bench.run(&disk, output).await,
            Self::Herd(bench) => bench.run(&disk, output).await,
        }
    }
}
