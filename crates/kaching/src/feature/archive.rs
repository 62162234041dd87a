use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Archive a feature: it is offered no more, licenses keep it
#[derive(Args)]
pub(crate) struct Archive {
    /// Product and code, as in chorus:federation
    #[arg(value_name = "PRODUCT:FEATURE")]
    feature: String,
}

impl Archive {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.delete(super::path(&self.feature)).await?;
        output.done(&answer, &format!("Archived {}.", self.feature))
    }
}
