use clap::Args;
use kaching_api::{License, LicenseEdit, ListEdit};

use super::{licenses, path_of};
use crate::{
    failure::Failure,
    output::Output,
    remote::Client,
    several::{Change, Changed, Selection},
};

/// Add and remove tags of licenses
#[derive(Args)]
#[command(mut_arg("ids", licenses))]
pub(crate) struct TagLicense {
    #[command(flatten)]
    which: Selection,
    /// A tag to add; may be given several times
    #[arg(long, value_name = "WORD")]
    add: Vec<String>,
    /// A tag to remove; may be given several times
    #[arg(long, value_name = "WORD")]
    remove: Vec<String>,
}

/// The tags to add and to remove.
struct TagChange(ListEdit<String>);

impl TagLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let tags = ListEdit::change(self.add, self.remove)
            .ok_or_else(|| Failure::usage("Nothing to change: give a tag with --add or --remove."))?;
        self.which.change(&TagChange(tags), client, output).await
    }
}

impl Change for TagChange {
    const NOUN: &'static str = "license";
    const VERB: &'static str = "tag";
    const DONE: &'static str = "tagged";

    async fn change(&self, license: &str, client: &mut Client, _: &Output) -> Result<Changed, Failure> {
        let edit = LicenseEdit { tags: Some(self.0.clone()), ..LicenseEdit::default() };
        let path = path_of(license, client).await?;
        let answer = client.patch(path, &edit).await?;
        let License { id, tags, .. } = answer.read()?;
        let tags: Vec<String> = tags.into_iter().collect();
        let tags = if tags.is_empty() { "none".to_owned() } else { tags.join(", ") };
        let line = format!("Tags of {id}: {tags}");
        Ok(Changed { answer, alone: line.clone(), line })
    }
}
