use clap::Args;
use kaching_api::{License, RekeyRequest};
use kaching_base::Seconds;

use super::LicenseArgument;
use crate::{failure::Failure, flags::seconds, output::Output, remote::Client, words::span};

/// Give a license a new key, because the old one was lost or leaked
#[derive(Args)]
pub(crate) struct RekeyLicense {
    #[command(flatten)]
    which: LicenseArgument,
    /// How long the old key still works; it ends immediately unless set
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "0")]
    old_ends: Seconds,
}

impl RekeyLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let Seconds(old_ends_in_s) = self.old_ends;
        let path = self.which.path(client).await?.then("rekey");
        let answer = client.post(path, &RekeyRequest { old_ends_in_s }).await?;
        output.answer(&answer, |license: License| {
            let key = license.key.as_ref().map_or("", |key| key.expose());
            let old = match self.old_ends {
                Seconds(0) => "The old one has ended".to_owned(),
                ends => format!("The old one ends in {}", span(ends)),
            };
            format!("The new key of {}:\n\n  {}\n\n{old}.", license.id, output.style.bold(key))
        })
    }
}
