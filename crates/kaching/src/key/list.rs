use clap::Args;
use kaching_api::{Key, List};

use crate::{failure::Failure, output::Output, remote::Client};

/// List signing keys, and the root key that products pin
#[derive(Args)]
pub(crate) struct ListKeys {}

impl ListKeys {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path()).await?;
        let root = super::root(client).await?.root;
        output.answer(&answer, |keys: List<Key>| {
            let table = super::table(&keys.items, output);
            format!("{table}\nProducts pin the root: {}", output.style.bold(&root))
        })
    }
}
