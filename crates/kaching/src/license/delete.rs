use clap::Args;

use super::{LicenseArgument, path};
use crate::{failure::Failure, flags::Confirmation, output::Output, remote::Client};

/// Revoke a license and hide it; its history stays
#[derive(Args)]
pub(crate) struct DeleteLicense {
    #[command(flatten)]
    which: LicenseArgument,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl DeleteLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let license = self.which.present(client).await?;
        let id = license.id.to_string();
        let what = format!("This revokes license {id} ({}:{}) and hides it.", license.product, license.plan);
        self.confirmation.typed(&what, &id)?;
        let answer = client.delete(path(&id)).await?;
        output.done(&answer, &format!("Deleted {id}: it is revoked and hidden, its history stays."))
    }
}
