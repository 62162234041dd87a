use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Archive a plan: it is offered no more, its licenses live on
#[derive(Args)]
pub(crate) struct Archive {
    /// Product and code, as in chorus:team
    #[arg(value_name = "PRODUCT:PLAN")]
    plan: String,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.delete(super::path(&self.plan)).await?;
        output.done(&answer, &format!("Archived {}.", self.plan))
    }
}
