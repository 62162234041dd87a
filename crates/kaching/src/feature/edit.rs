use clap::Args;
use kaching_api::{Feature, FeatureEdit};

use crate::{failure::Failure, flags::changes_something, output::Output, remote::Client};

/// Change a feature; what is not named stays
#[derive(Args)]
pub(crate) struct Edit {
    /// Product and code, as in chorus:federation
    #[arg(value_name = "PRODUCT:FEATURE")]
    feature: String,
    /// What people call it
    #[arg(long)]
    title: Option<String>,
    /// One line for upgrade prompts
    #[arg(long, value_name = "LINE")]
    benefit: Option<String>,
}

impl Edit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let edit = FeatureEdit { title: self.title, benefit: self.benefit };
        changes_something(&edit)?;
        let answer = client.patch(super::path(&self.feature), &edit).await?;
        output.answer(&answer, |feature: Feature| super::card(&feature, output))
    }
}
