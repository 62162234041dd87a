use clap::Args;
use kaching_api::{Activation, License, List};

use super::{LicenseArgument, card};
use crate::{
    failure::Failure,
    output::Output,
    remote::{Client, Path},
};

/// Show a license and who uses it
#[derive(Args)]
pub(crate) struct ShowLicense {
    #[command(flatten)]
    which: LicenseArgument,
}

impl ShowLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.which.path(client).await?;
        let answer = client.get(path).await?;
        let activations: List<Activation> = if output.json {
            List { items: Vec::new(), next: None }
        } else {
            let license: License = answer.read()?;
            let path = Path::admin("activations").with("license", &license.id.to_string());
            client.get(path).await?.read()?
        };
        let who = |_: &License| format!("\n{}", card::activations(&activations.items, output));
        card::show(&answer, client, output, who).await
    }
}
