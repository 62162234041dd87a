//! How much an authority does on this machine: each measured against a temporary one, over real sockets.

use clap::Subcommand;
use kaching_server::{Shutdown, shutdown};

use crate::{failure::Failure, log, output::Output, remote::Choice, serve::Signals};

mod activate;
mod admin;
mod all;
mod ceiling;
mod check;
mod disk;
mod engines;
mod events;
mod figures;
mod growth;
mod heartbeat;
mod herd;
mod load;
mod plot;
mod report;
mod scale;
mod series;
mod server;
mod stand;
mod start;
mod validate;
mod verify;
mod wire;

use disk::Disk;

/// Measure on a temporary authority, which it removes, over loopback
///
/// The authority has a process of its own. In a closed loop each connection sends its next request when the answer to its
/// last one is there; in an open one (--rate, --sweep) requests are sent at their times, and are late from then on.
/// Authority, database and load share this machine's processors. What is stored is in TMPDIR, or /var/tmp: choose the
/// disk that is to be measured.
#[derive(Subcommand)]
pub(crate) enum Command {
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
    Herd(herd::Herd),
    All(all::All),
    #[command(hide = true)]
    Serving(server::Serving),
    #[command(hide = true)]
    Listening(events::Listening),
}

impl Command {
    pub(crate) async fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Serving(serving) => return serving.run(choice, output).await,
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
            () = signals.asked() => {
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
