use clap::Subcommand;

use crate::{failure::Failure, output::Output, remote::AuthorityTarget};

mod check;
mod effective;
mod show;

/// The settings of the authority in the data directory
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    Check(check::CheckConfig),
    Show(show::ShowConfig),
}

impl ConfigCommand {
    pub(crate) fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Check(verb) => verb.run(target, output),
            Self::Show(verb) => verb.run(target, output),
        }
    }
}
