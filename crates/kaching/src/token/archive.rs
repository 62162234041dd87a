use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// End an API token: it no longer works
#[derive(Args)]
pub(crate) struct Archive {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    id: String,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.delete(super::path(&self.id)).await?;
        output.done(&answer, &format!("Archived {}.", self.id))
    }
}
