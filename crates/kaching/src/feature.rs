use clap::Subcommand;
use kaching_api::Feature;

use crate::{
    failure::Failure,
    flags::CsvRow,
    noun::{Archive, List, Listed, Noun, OfProduct, Show},
    output::{Card, Output, Table},
    remote::Client,
};

mod create;
mod edit;

/// Capabilities that are on or off
#[derive(Subcommand)]
pub(crate) enum FeatureCommand {
    Create(create::CreateFeature),
    /// List features
    List(List<Feature>),
    /// Show a feature
    Show(Show<Feature>),
    Edit(edit::EditFeature),
    /// Archive a feature: it is no longer offered, licenses keep it
    Archive(Archive<Feature>),
}

impl FeatureCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(client, output).await,
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Edit(verb) => verb.run(client, output).await,
            Self::Archive(verb) => verb.run(client, output).await,
        }
    }
}

impl Noun for Feature {
    const PLURAL: &'static str = "features";
    const ARGUMENT: &'static str = "PRODUCT:FEATURE";
    const ARGUMENT_HELP: &'static str = "Product and code, as in chorus:federation";

    fn card(&self, output: &Output) -> String {
        Card::new(format!("Feature {}:{}", self.product, self.code))
            .line("Title", &self.title)
            .line("Benefit", &self.benefit)
            .text(output.style)
    }
}

impl CsvRow for Feature {
    const COLUMNS: &'static str = "product code title benefit";
}

impl Listed for Feature {
    type Filter = OfProduct;
    const SEARCH_HELP: &'static str =
        "Only those with all these words, or words that begin with them, in code or title";

    fn table(rows: &[Self], output: &Output) -> String {
        let mut table = Table::new(["FEATURE", "TITLE", "BENEFIT"])
            .shortens([("TITLE", 12), ("BENEFIT", 12)])
            .leaves_out(["BENEFIT"]);
        for feature in rows {
            let name = format!("{}:{}", feature.product, feature.code);
            table.row([name, feature.title.clone(), feature.benefit.clone()]);
        }
        table.fitted(output)
    }
}
