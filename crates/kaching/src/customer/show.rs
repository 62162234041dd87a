use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show a customer
#[derive(Args)]
pub(crate) struct Show {
    /// Id or reference
    #[arg(value_name = "CUSTOMER")]
    customer: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.customer)).await?;
        output.answer(&answer, |customer| super::card(&customer, output))
    }
}
