use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show an audit entry in full
#[derive(Args)]
pub(crate) struct Show {
    /// The entry's id
    entry: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.entry)).await?;
        output.answer(&answer, |entry| super::card(&entry, output))
    }
}
