use clap::Args;
use kaching_api::Token;

use crate::{failure::Failure, noun::Noun, output::Output, remote::Client};

/// End an API token: it stops working
#[derive(Args)]
pub(crate) struct ArchiveToken {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    id: String,
}

impl ArchiveToken {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.delete(Token::path(&self.id)).await?;
        output.done(&answer, &format!("Archived {}.", self.id))
    }
}
