use clap::Args;
use kaching_example_notes::{Options, run};

use crate::failure::Failure;

/// The arguments of the example, behind `--`.
#[derive(Args)]
pub(crate) struct Notes {
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Notes {
    /// Runs the notes as their own program would, and says their address on one line.
    pub(crate) fn run(self) -> Result<(), Failure> {
        super::node::log();
        let failure = |error: &dyn std::error::Error| Failure::refused(error.to_string());
        let options = Options::read(self.arguments.into_iter()).map_err(|error| failure(&error))?;
        run(&options, super::node::say).map_err(|error| failure(&error))
    }
}
