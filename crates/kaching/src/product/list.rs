use clap::Args;

use crate::{
    failure::Failure,
    flags::Listing,
    output::Output,
    remote::{Client, Path},
};

/// List products
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("products");
        self.listing.run(client, output, path, |products| super::table(&products, output)).await
    }
}
