use clap::Args;
use kaching_api::{License, RevokeRequest};

use super::{LicenseArgument, path};
use crate::{failure::Failure, flags::Confirmation, output::Output, remote::Client};

/// Stop a license permanently
#[derive(Args)]
pub(crate) struct RevokeLicense {
    #[command(flatten)]
    which: LicenseArgument,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl RevokeLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let license = self.which.present(client).await?;
        let id = license.id.to_string();
        let what = format!("This stops license {id} ({}:{}) permanently.", license.product, license.plan);
        self.confirmation.typed(&what, &id)?;
        let answer = client.post(path(&id).then("revoke"), &RevokeRequest { confirm: id.clone() }).await?;
        output
            .answer(&answer, |license: License| format!("Revoked {}: nothing runs on it again.", license.id))
    }
}
