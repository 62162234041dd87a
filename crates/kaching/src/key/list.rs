use clap::Args;

use crate::{failure::Failure, flags::Listing, output::Output, remote::Client};

/// List signing keys
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        self.listing.run(client, output, super::path(), |keys| super::table(&keys, output)).await
    }
}
