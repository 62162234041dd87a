use clap::Args;
use kaching_api::{Feature, FeatureCreate};
use kaching_base::Code;

use crate::{
    failure::Failure,
    noun::Noun,
    output::Output,
    remote::{Client, Path},
};

/// Create a feature of a product
#[derive(Args)]
pub(crate) struct CreateFeature {
    /// The product that has it
    #[arg(long)]
    product: Code,
    /// The name that the product checks; it never changes
    #[arg(long)]
    code: Code,
    /// A title for people
    #[arg(long)]
    title: String,
    /// One line for upgrade prompts
    #[arg(long, value_name = "LINE", default_value = "", hide_default_value = true)]
    benefit: String,
}

impl CreateFeature {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let Self { product, code, title, benefit } = self;
        let body = FeatureCreate { product, code, title, benefit };
        let answer = client.post(Path::admin("features"), &body).await?;
        output.answer(&answer, |feature: Feature| feature.card(output))
    }
}
