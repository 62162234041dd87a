use clap::Args;

use crate::{
    failure::Failure,
    flags::{Archived, Listing},
    output::Output,
    remote::{Client, Path},
};

/// List products
#[derive(Args)]
#[command(mut_arg("q", |q| q.help("Only those with all these words, or words that begin so, in code or name")))]
pub(crate) struct List {
    #[command(flatten)]
    archived: Archived,
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("products");
        self.listing
            .run(client, output, self.archived.on(path), |products| super::table(&products, output))
            .await
    }
}
