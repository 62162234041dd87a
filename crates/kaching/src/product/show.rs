use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show a product
#[derive(Args)]
pub(crate) struct Show {
    /// The product's code
    #[arg(value_name = "PRODUCT")]
    code: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.code)).await?;
        output.answer(&answer, |product| super::card(&product, output))
    }
}
