use clap::Args;
use kaching_api::{License, SuspendRequest};

use super::LicenseArgument;
use crate::{failure::Failure, output::Output, remote::Client};

/// Stop a license until it is reinstated; a connected installation stops immediately
#[derive(Args)]
pub(crate) struct SuspendLicense {
    #[command(flatten)]
    which: LicenseArgument,
    /// The reason, which the customer sees
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl SuspendLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.which.path(client).await?.then("suspend");
        let answer = client.post(path, &SuspendRequest { reason: self.reason }).await?;
        output.answer(&answer, |license: License| {
            format!(
                "Suspended {}: connected installations stop within a second or so, others at their next contact.\n{}",
                license.id,
                output.style.dim(&format!("To undo: kaching license reinstate {}", license.id))
            )
        })
    }
}
