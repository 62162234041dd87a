use clap::Args;

use crate::{archive::archive, failure::Failure, flags::Confirmed, output::Output, remote::Client};

/// Archive a customer
#[derive(Args)]
pub(crate) struct Archive {
    /// Id or reference
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    #[command(flatten)]
    confirmed: Confirmed,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = archive(client, super::path(&self.customer), &self.customer, &self.confirmed).await?;
        output.done(&answer, &format!("Archived {}.", self.customer))
    }
}
