use clap::Subcommand;

use crate::{failure::Failure, output::Output, remote::Client};

mod accept;

/// The clock that dates what the authority signs
#[derive(Subcommand)]
pub(crate) enum ClockCommand {
    Accept(accept::AcceptClock),
}

impl ClockCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Accept(verb) => verb.run(client, output).await,
        }
    }
}
