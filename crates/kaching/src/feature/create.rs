use clap::Args;
use kaching_api::{Feature, FeatureCreate};
use kaching_base::Code;

use crate::{
    failure::Failure,
    output::Output,
    remote::{Client, Path},
};

/// Make a feature of a product
#[derive(Args)]
pub(crate) struct Create {
    /// The product that has it
    #[arg(long)]
    product: Code,
    /// What the product checks; it never changes
    #[arg(long)]
    code: Code,
    /// What people call it
    #[arg(long)]
    title: String,
    /// One line for upgrade prompts
    #[arg(long, value_name = "LINE", default_value = "", hide_default_value = true)]
    benefit: String,
}

impl Create {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let Self { product, code, title, benefit } = self;
        let body = FeatureCreate { product, code, title, benefit };
        let answer = client.post(Path::admin("features"), &body).await?;
        output.answer(&answer, |feature: Feature| super::card(&feature, output))
    }
}
