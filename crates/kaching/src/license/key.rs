use clap::Args;
use kaching_api::LicenseKeyAnswer;

use super::LicenseArgument;
use crate::{failure::Failure, output::Output, remote::Client};

/// Show the key of a license, and nothing else
#[derive(Args)]
pub(crate) struct ShowKey {
    #[command(flatten)]
    which: LicenseArgument,
}

impl ShowKey {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.which.path(client).await?.then("key");
        let answer = client.get(path).await?;
        output.answer(&answer, |answer: LicenseKeyAnswer| answer.key.expose().to_owned())
    }
}
