use clap::Args;
use kaching_api::{License, RevokeRequest};

use super::{Which, path};
use crate::{failure::Failure, flags::Confirmed, output::Output, remote::Client};

/// Stop a license for good
#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    confirmed: Confirmed,
}

impl Revoke {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let license = self.which.present(client).await?;
        let id = license.id.to_string();
        let what = format!("This stops license {id} ({}:{}) for good.", license.product, license.plan);
        self.confirmed.typed(&what, &id)?;
        let answer = client.post(path(&id).then("revoke"), &RevokeRequest { confirm: id.clone() }).await?;
        output
            .answer(&answer, |license: License| format!("Revoked {}: nothing runs on it again.", license.id))
    }
}
