use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use kaching_api::Customer;
use kaching_base::CustomerId;

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago, pairs},
    remote::{Client, Path},
};

mod archive;
mod create;
mod edit;
mod list;
mod show;

/// Those who bought
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Archive(archive::Archive),
}

impl Command {
    /// Whether it makes a first thing, so that a data directory is made for it where there is none.
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

/// Above this many a list shows ids: a name costs a request.
const NAMED: usize = 200;

/// What people call these customers, by id. One that cannot be asked for has no name here: a list is no less true.
pub(crate) async fn names(
    client: &mut Client,
    customers: impl IntoIterator<Item = CustomerId>,
) -> BTreeMap<CustomerId, String> {
    let customers: BTreeSet<CustomerId> = customers.into_iter().collect();
    let mut names = BTreeMap::new();
    for id in customers.into_iter().take(NAMED) {
        let found = client.get(path(&id.to_string())).await.and_then(|answer| answer.read::<Customer>());
        if let Ok(customer) = found {
            names.insert(id, name(&customer));
        }
    }
    names
}

/// `Acme Corp (CUST-001)`
fn name(customer: &Customer) -> String {
    match &customer.reference {
        Some(reference) => format!("{} ({reference})", customer.name),
        None => customer.name.clone(),
    }
}

fn path(customer: &str) -> Path {
    Path::admin("customers").then(customer)
}

fn card(customer: &Customer, output: &Output) -> String {
    Card::new(format!("Customer {}", customer.id))
        .maybe("Reference", customer.reference.as_ref().map(ToString::to_string))
        .line("Name", &customer.name)
        .maybe("Mail", customer.email.as_ref())
        .maybe("Company", customer.company.as_ref())
        .list("Tags", &customer.tags)
        .line("Notes", &customer.notes)
        .line("Metadata", pairs(&customer.metadata))
        .line("Made", ago(customer.created_at, output.now))
        .maybe("Archived", customer.archived_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

fn table(customers: &[Customer], output: &Output) -> String {
    let mut table = Table::new(["ID", "REFERENCE", "NAME", "MAIL", "COMPANY", "TAGS"]);
    for customer in customers {
        table.row([
            customer.id.to_string(),
            customer.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
            customer.name.clone(),
            customer.email.clone().unwrap_or_default(),
            customer.company.clone().unwrap_or_default(),
            customer.tags.iter().cloned().collect::<Vec<_>>().join(", "),
        ]);
    }
    table.text(output.style)
}
