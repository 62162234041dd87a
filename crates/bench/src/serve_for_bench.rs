//! The hidden command that a server process runs.

use clap::Args;
use kaching_command::{failure::Failure, output::Output, remote::AuthorityTarget, serve::serve, settings};

use super::{ceiling, server_process::Algorithm};

/// Serve for a measurement, and end with it
#[derive(Args)]
pub struct ServeForBench {
    /// Only the ceiling, with signatures of this kind
    #[arg(long)]
    ceiling: Option<Algorithm>,
}

impl ServeForBench {
    pub(super) async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        // The server ends with its measurement, even if that is killed.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(
            |error| Failure::refused(format!("The server cannot follow its measurement: {error}.")),
        )?;
        match self.ceiling {
            Some(algorithm) => ceiling::serve(&target.data, algorithm).await,
            None => {
                let config = settings::read(&target.data, &target.environment)?;
                serve(&target.data, config, &target.environment, env!("CARGO_PKG_VERSION"), None, output)
                    .await
            }
        }
    }
}
