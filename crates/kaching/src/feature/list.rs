use clap::Args;

use crate::{
    failure::Failure,
    flags::{Archived, Listing},
    output::Output,
    remote::{Client, Path},
};

/// List features
#[derive(Args)]
#[command(mut_arg("q", |q| q.help("Only those with all these words, or words that begin so, in code or title")))]
pub(crate) struct List {
    /// Only those of this product
    #[arg(long, value_name = "PRODUCT")]
    product: Option<String>,
    #[command(flatten)]
    archived: Archived,
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("features").maybe("product", self.product.as_ref());
        self.listing
            .run(client, output, self.archived.on(path), |features| super::table(&features, output))
            .await
    }
}
