use clap::Args;

use crate::{archive::archive, failure::Failure, flags::Confirmed, output::Output, remote::Client};

/// Archive a feature: it is offered no more, licenses keep it
#[derive(Args)]
pub(crate) struct Archive {
    /// Product and code, as in chorus:federation
    #[arg(value_name = "PRODUCT:FEATURE")]
    feature: String,
    #[command(flatten)]
    confirmed: Confirmed,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = archive(client, super::path(&self.feature), &self.feature, &self.confirmed).await?;
        output.done(&answer, &format!("Archived {}.", self.feature))
    }
}
