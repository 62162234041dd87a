use clap::Args;

use crate::{
    failure::Failure,
    flags::Listing,
    output::Output,
    remote::{Client, Path},
};

/// List API tokens
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("tokens");
        self.listing.run(client, output, path, |tokens| super::table(&tokens, output)).await
    }
}
