use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show the root public key: the line that a product pins
#[derive(Args)]
pub(crate) struct Root {}

impl Root {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let root = super::root(client).await?;
        output.either(&root, || root.root.clone())
    }
}
