use clap::Args;
use kaching_api::{License, RekeyRequest};
use kaching_base::Seconds;

use super::Which;
use crate::{
    failure::Failure,
    flags::seconds,
    output::{Output, span},
    remote::Client,
};

/// Give a license a new key, where the old one was lost or told
#[derive(Args)]
pub(crate) struct Rekey {
    #[command(flatten)]
    which: Which,
    /// How long the old key still works; it ends at once unless said otherwise
    #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "0")]
    old_ends: Seconds,
}

impl Rekey {
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
