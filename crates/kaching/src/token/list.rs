use clap::Args;

use crate::{
    failure::Failure,
    flags::{Archived, Listing},
    output::Output,
    remote::{Client, Path},
};

/// List API tokens
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    archived: Archived,
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("tokens");
        self.listing.run(client, output, self.archived.on(path), |tokens| super::table(&tokens, output)).await
    }
}
