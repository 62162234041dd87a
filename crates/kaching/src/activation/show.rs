use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show an activation
#[derive(Args)]
pub(crate) struct Show {
    /// The activation's id
    activation: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.activation)).await?;
        output.answer(&answer, |activation| super::card(&activation, output))
    }
}
