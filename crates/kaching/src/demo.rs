use clap::Args;

use crate::{failure::Failure, output::Output};

/// The whole story in a minute, on a temporary authority; leaves nothing behind
#[derive(Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self, _output: &Output) -> Result<(), Failure> {
        Err(Failure::refused("The demo is being built."))
    }
}
