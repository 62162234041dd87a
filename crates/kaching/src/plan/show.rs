use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show a plan
#[derive(Args)]
pub(crate) struct Show {
    /// Product and code, as in chorus:team
    #[arg(value_name = "PRODUCT:PLAN")]
    plan: String,
}

impl Show {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.plan)).await?;
        output.answer(&answer, |plan| super::card(&plan, output))
    }
}
