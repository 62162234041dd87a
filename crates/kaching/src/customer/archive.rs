use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Archive a customer
#[derive(Args)]
pub(crate) struct Archive {
    /// Id or reference
    #[arg(value_name = "CUSTOMER")]
    customer: String,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.delete(super::path(&self.customer)).await?;
        output.done(&answer, &format!("Archived {}.", self.customer))
    }
}
