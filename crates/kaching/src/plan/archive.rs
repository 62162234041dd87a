use clap::Args;

use crate::{archive::archive, failure::Failure, flags::Confirmed, output::Output, remote::Client};

/// Archive a plan: it is offered no more, its licenses live on
#[derive(Args)]
pub(crate) struct Archive {
    /// Product and code, as in chorus:team
    #[arg(value_name = "PRODUCT:PLAN")]
    plan: String,
    #[command(flatten)]
    confirmed: Confirmed,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = archive(client, super::path(&self.plan), &self.plan, &self.confirmed).await?;
        output.done(&answer, &format!("Archived {}.", self.plan))
    }
}
