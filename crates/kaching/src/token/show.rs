use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show an API token, without its secret
#[derive(Args)]
pub(crate) struct Show {
    /// The token's id
    token: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.token)).await?;
        output.answer(&answer, |token| super::card(&token, output))
    }
}
