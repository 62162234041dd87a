use clap::Args;
use kaching_api::{Key, List};
use serde_json::Value;

use crate::{
    failure::Failure,
    flags::{CsvRow as _, FormatArgument},
    output::{Output, RowWriter},
    remote::Client,
};

/// List signing keys, and the root key that products pin
#[derive(Args)]
pub(crate) struct ListKeys {
    #[command(flatten)]
    format: FormatArgument,
}

impl ListKeys {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path()).await?;
        if let Some(format) = self.format.rows(output)? {
            let keys: List<Value> = answer.read()?;
            let mut writer = RowWriter::on_standard_output(format, Key::COLUMNS)?;
            keys.items.iter().try_for_each(|key| writer.row(key))?;
            return writer.end(keys.next.as_deref());
        }
        let root = super::root(client).await?.root;
        output.answer(&answer, |keys: List<Key>| {
            let table = super::table(&keys.items, output);
            format!("{table}\nProducts pin the root: {}", output.style.bold(&root))
        })
    }
}
