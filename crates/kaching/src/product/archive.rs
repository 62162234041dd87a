use clap::Args;

use crate::{archive::archive, failure::Failure, flags::Confirmed, output::Output, remote::Client};

/// Archive a product: it is offered no more, its licenses live on
#[derive(Args)]
pub(crate) struct Archive {
    /// The product's code
    #[arg(value_name = "PRODUCT")]
    code: String,
    #[command(flatten)]
    confirmed: Confirmed,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = archive(client, super::path(&self.code), &self.code, &self.confirmed).await?;
        output.done(&answer, &format!("Archived {}.", self.code))
    }
}
