use clap::Args;
use kaching_base::FingerprintKind;
use kaching_license::LicenseKey;

use crate::{
    failure::Failure,
    flags::{ListArguments, words},
    license,
    output::Output,
    remote::{Client, Path},
};

/// List activations
#[derive(Args)]
#[command(mut_arg("q", |q| q.help("Only those with all these words, or words that begin with them, in fingerprint or name; or those of the license with this key")))]
pub(crate) struct ListActivations {
    /// Only those of this license: its id or key; - reads it from standard input
    #[arg(long)]
    license: Option<String>,
    /// Only those with this status
    #[arg(long, value_parser = ["active", "lapsed", "deactivated", "superseded", "released"])]
    status: Option<String>,
    /// Only those of this customer: id or reference
    #[arg(long)]
    customer: Option<String>,
    /// Only those of this product
    #[arg(long)]
    product: Option<String>,
    /// Only those of this kind of fingerprint
    #[arg(long, value_parser = words!(FingerprintKind))]
    kind: Option<FingerprintKind>,
    /// Only those whose product reported exactly this version
    #[arg(long)]
    version: Option<String>,
    /// Only those whose last report has this health
    #[arg(long, value_parser = ["ok", "degraded", "down"])]
    health: Option<String>,
    /// Only those whose last call came from this IP address
    #[arg(long)]
    address: Option<String>,
    #[command(flatten)]
    listing: ListArguments,
}

impl ListActivations {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let mut license = match &self.license {
            Some(license) => Some(license::id(license, client).await?),
            None => None,
        };
        let mut listing = self.listing;
        // A key is looked up in a body: URLs are logged.
        if let Some(words) = listing.words().filter(|words| LicenseKey::is_within(words)) {
            let found = license::id(words, client).await?;
            words.clear();
            match &license {
                Some(named) if *named != found => {
                    let other = "--search has the key of another license than --license: name one of them.";
                    return Err(Failure::refused(other));
                }
                _ => license = Some(found),
            }
        }
        let path = Path::admin("activations")
            .maybe("license", license.as_ref())
            .maybe("status", self.status.as_ref())
            .maybe("customer", self.customer.as_ref())
            .maybe("product", self.product.as_ref())
            .maybe("kind", self.kind.as_ref())
            .maybe("version", self.version.as_ref())
            .maybe("health", self.health.as_ref())
            .maybe("address", self.address.as_ref());
        listing.run(client, output, path, |activations: Vec<_>| super::table(&activations, output)).await
    }
}
