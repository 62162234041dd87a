use clap::Args;

use crate::{
    failure::Failure,
    flags::{Archived, Listing, Metadata},
    output::Output,
    remote::{Client, Path},
};

/// List customers
#[derive(Args)]
#[command(mut_arg("q", |q| q.help("Only those with all these words, or words that begin so, in name, company, reference or mail address")))]
pub(crate) struct List {
    /// Only those with this tag
    #[arg(long, value_name = "WORD")]
    tag: Option<String>,
    #[command(flatten)]
    metadata: Metadata,
    #[command(flatten)]
    archived: Archived,
    #[command(flatten)]
    listing: Listing,
}

impl List {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("customers").maybe("tag", self.tag.as_ref());
        self.listing
            .run(client, output, self.archived.on(self.metadata.on(path)), |customers| {
                super::table(&customers, output)
            })
            .await
    }
}
