use clap::Subcommand;

use crate::{failure::Failure, output::Output, remote::Choice};

mod check;
mod effective;
mod show;

/// The settings of the authority in the data directory
#[derive(Subcommand)]
pub(crate) enum Command {
    Check(check::Check),
    Show(show::Show),
}

impl Command {
    pub(crate) fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Check(verb) => verb.run(choice, output),
            Self::Show(verb) => verb.run(choice, output),
        }
    }
}
