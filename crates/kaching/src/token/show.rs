use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show an API token, without its secret
#[derive(Args)]
pub(crate) struct Show {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    id: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.id)).await?;
        output.answer(&answer, |token| super::card(&token, output))
    }
}
