use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Archive a product: it is offered no more, its licenses live on
#[derive(Args)]
pub(crate) struct Archive {
    /// The product's code
    #[arg(value_name = "PRODUCT")]
    code: String,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.delete(super::path(&self.code)).await?;
        output.done(&answer, &format!("Archived {}.", self.code))
    }
}
