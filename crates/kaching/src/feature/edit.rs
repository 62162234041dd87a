use clap::Args;
use kaching_api::{Feature, FeatureEdit};

use crate::{failure::Failure, flags::changes_something, noun::Noun, output::Output, remote::Client};

/// Change a feature
#[derive(Args)]
pub(crate) struct EditFeature {
    /// Product and code, as in chorus:federation
    #[arg(value_name = "PRODUCT:FEATURE")]
    feature: String,
    /// A title for people
    #[arg(long)]
    title: Option<String>,
    /// One line for upgrade prompts
    #[arg(long, value_name = "LINE")]
    benefit: Option<String>,
}

impl EditFeature {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let edit = FeatureEdit { title: self.title, benefit: self.benefit };
        changes_something(&edit)?;
        let answer = client.patch(Feature::path(&self.feature), &edit).await?;
        output.answer(&answer, |feature: Feature| feature.card(output))
    }
}
