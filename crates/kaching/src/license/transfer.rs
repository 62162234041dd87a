use clap::Args;
use kaching_api::{License, TransferRequest};

use super::{LicenseArgument, called};
use crate::{customer::names, failure::Failure, output::Output, remote::Client};

/// Give a license to another customer
#[derive(Args)]
pub(crate) struct TransferLicense {
    #[command(flatten)]
    which: LicenseArgument,
    /// The new customer: id or reference
    #[arg(long)]
    customer: String,
}

impl TransferLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = TransferRequest { customer: self.customer };
        let path = self.which.path(client).await?.then("transfer");
        let answer = client.post(path, &body).await?;
        if output.json {
            return output.value(&answer.json()?);
        }
        let license: License = answer.read()?;
        let names = names(client, [license.customer]).await;
        output.words(&format!("{} now belongs to {}.", license.id, called(&names, license.customer)))
    }
}
