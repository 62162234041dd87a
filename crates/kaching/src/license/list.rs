use std::collections::BTreeMap;

use clap::Args;
use kaching_api::License;
use kaching_base::{LicenseType, Timestamp};
use kaching_license::LicenseKey;

use super::with_keys::with_keys;
use crate::{
    customer::names,
    failure::Failure,
    flags::{ArchivedArgument, ListArguments, MetadataArgument, words},
    output::Output,
    remote::{Client, Path},
};

/// List licenses
#[derive(Args)]
#[command(mut_arg("q", |q| q.help("Only those with all these words, or words that begin with them, in their tags, metadata or customer; or the license with this id or key")))]
pub(crate) struct ListLicenses {
    /// Only those of this customer: id or reference
    #[arg(long)]
    customer: Option<String>,
    /// Only those of this product
    #[arg(long)]
    product: Option<String>,
    /// Only those of this plan, as in chorus:team
    #[arg(long, value_name = "PRODUCT:PLAN")]
    plan: Option<String>,
    /// Only those in this state
    #[arg(long, value_parser = ["not_yet_valid", "active", "in_grace", "expired", "suspended", "revoked"])]
    state: Option<String>,
    /// Only those sold as this
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// Only those with this tag
    #[arg(long, value_name = "WORD")]
    tag: Option<String>,
    /// Only those that end before this
    #[arg(long, value_name = "DATE")]
    expires_before: Option<Timestamp>,
    /// Only those that end after this
    #[arg(long, value_name = "DATE")]
    expires_after: Option<Timestamp>,
    #[command(flatten)]
    metadata: MetadataArgument,
    #[command(flatten)]
    archived: ArchivedArgument,
    #[command(flatten)]
    listing: ListArguments,
    /// Add the keys to csv, json or ndjson. That needs the right to see keys, and leaves an audit entry for each 200
    #[arg(long)]
    with_keys: bool,
}

impl ListLicenses {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let mut listing = self.listing;
        // A key is looked up in a body: URLs are logged.
        if let Some(words) = listing.words().filter(|words| LicenseKey::is_within(words)) {
            *words = super::id(words, client).await?;
        }
        let path = Path::admin("licenses")
            .maybe("customer", self.customer.as_ref())
            .maybe("product", self.product.as_ref())
            .maybe("plan", self.plan.as_ref())
            .maybe("state", self.state.as_ref())
            .maybe("type", self.kind.as_ref())
            .maybe("tag", self.tag.as_ref())
            .maybe("expires_before", self.expires_before.as_ref())
            .maybe("expires_after", self.expires_after.as_ref());
        let path = self.archived.apply(self.metadata.apply(path));
        match listing.export(output, path.clone())? {
            Some(export) if self.with_keys => return with_keys(export, client).await,
            Some(export) => return export.run::<License>(client).await,
            None if self.with_keys => return Err(no_format()),
            None => {}
        }
        let rows = listing.fetch(client, path).await?;
        let names = if output.json {
            BTreeMap::new()
        } else {
            names(client, rows.items::<License>()?.iter().map(|license| license.customer)).await
        };
        rows.print(output, |licenses| super::table(&licenses, &names, output))
    }
}

fn no_format() -> Failure {
    Failure::usage(
        "--with-keys goes with --format csv, json or ndjson. For the key of one license: kaching license key.",
    )
}
