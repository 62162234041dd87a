use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show the root public key: the line that a product pins
#[derive(Args)]
pub(crate) struct Root {}

impl Root {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path().then("root")).await?;
        output.answer(&answer, |root: kaching_api::Root| root.root)
    }
}
