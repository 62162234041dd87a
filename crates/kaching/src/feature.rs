use clap::Subcommand;
use kaching_api::Feature;

use crate::{
    failure::Failure,
    output::{Card, Output, Table},
    remote::{Client, Path},
};

mod archive;
mod create;
mod edit;
mod list;
mod show;

/// Capabilities that are on or off
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Archive(archive::Archive),
}

impl Command {
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

fn path(feature: &str) -> Path {
    Path::admin("features").then(feature)
}

fn card(feature: &Feature, output: &Output) -> String {
    Card::new(format!("Feature {}:{}", feature.product, feature.code))
        .line("Title", &feature.title)
        .line("Benefit", &feature.benefit)
        .text(output.style)
}

fn table(features: &[Feature], output: &Output) -> String {
    let mut table = Table::new(["FEATURE", "TITLE", "BENEFIT"]);
    for feature in features {
        let name = format!("{}:{}", feature.product, feature.code);
        table.row([name, feature.title.clone(), feature.benefit.clone()]);
    }
    table.text(output.style)
}
