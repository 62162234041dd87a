use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show a feature
#[derive(Args)]
pub(crate) struct Show {
    /// Product and code, as in chorus:federation
    #[arg(value_name = "PRODUCT:FEATURE")]
    feature: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.feature)).await?;
        output.answer(&answer, |feature| super::card(&feature, output))
    }
}
