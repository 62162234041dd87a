use clap::Subcommand;
use kaching_api::{Contact, Product};

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago},
    remote::{Client, Path},
};

mod archive;
mod create;
mod edit;
mod list;
mod show;

/// Programs that are licensed
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Archive(archive::Archive),
}

impl Command {
    pub(crate) fn makes(&self) -> bool {
        matches!(self, Self::Create(_))
    }

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

fn path(code: &str) -> Path {
    Path::admin("products").then(code)
}

fn card(product: &Product, output: &Output) -> String {
    Card::new(format!("Product {}", product.code))
        .line("Name", &product.name)
        .line("Keys begin with", &product.key_prefix)
        .line("Leases signed with", product.lease_alg.as_str())
        .line("Contact", contact(&product.contact))
        .line("Made", ago(product.created_at, output.now))
        .maybe("Archived", product.archived_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

fn table(products: &[Product], output: &Output) -> String {
    let mut table = Table::new(["CODE", "NAME", "KEYS", "CONTACT", "ARCHIVED"]);
    for product in products {
        table.row([
            product.code.to_string(),
            product.name.clone(),
            product.key_prefix.clone(),
            contact(&product.contact),
            product.archived_at.map(|at| ago(at, output.now)).unwrap_or_default(),
        ]);
    }
    table.text(output.style)
}

fn contact(contact: &Contact) -> String {
    [&contact.url, &contact.email].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
}
