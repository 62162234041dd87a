use clap::Args;

use crate::{
    failure::Failure,
    flags::ListArguments,
    license,
    output::Output,
    remote::{Client, Path},
};

/// List activations
#[derive(Args)]
#[command(mut_arg("q", |q| q.help("Only those with all these words, or words that begin with them, in fingerprint or name")))]
pub(crate) struct ListActivations {
    /// Only those of this license: its id or key; - reads it from standard input
    #[arg(long)]
    license: Option<String>,
    /// Only those with this status
    #[arg(long, value_parser = ["active", "lapsed", "deactivated", "superseded", "released"])]
    status: Option<String>,
    #[command(flatten)]
    listing: ListArguments,
}

impl ListActivations {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let license = match &self.license {
            Some(license) => Some(license::id(license, client).await?),
            None => None,
        };
        let path = Path::admin("activations")
            .maybe("license", license.as_ref())
            .maybe("status", self.status.as_ref());
        self.listing.run(client, output, path, |activations: Vec<_>| super::table(&activations, output)).await
    }
}
