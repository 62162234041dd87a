use clap::Args;
use kaching_base::LicenseType;

use crate::{
    failure::Failure,
    flags::{Listing, words},
    output::Output,
    remote::{Client, Path},
};

/// List licenses
#[derive(Args)]
pub(crate) struct List {
    /// Only those of this customer: id or reference
    #[arg(long)]
    customer: Option<String>,
    /// Only those of this product
    #[arg(long)]
    product: Option<String>,
    /// Only those of this plan
    #[arg(long)]
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
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("licenses")
            .maybe("customer", self.customer.as_ref())
            .maybe("product", self.product.as_ref())
            .maybe("plan", self.plan.as_ref())
            .maybe("state", self.state.as_ref())
            .maybe("type", self.kind.as_ref())
            .maybe("tag", self.tag.as_ref());
        self.listing.run(client, output, path, |licenses| super::table(&licenses, output)).await
    }
}
