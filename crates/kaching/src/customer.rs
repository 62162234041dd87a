use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use kaching_api::Customer;
use kaching_base::CustomerId;

use crate::{
    failure::Failure,
    flags::{CsvRow, MetadataArgument},
    noun::{Archive, Filter, List, Listed, Noun, Show},
    output::{Card, Output, Table, pairs},
    remote::{Client, Path},
    words::ago,
};

mod create;
mod edit;

/// The customers who hold licenses
#[derive(Subcommand)]
pub(crate) enum CustomerCommand {
    Create(create::CreateCustomer),
    /// List customers
    List(List<Customer>),
    /// Show a customer
    Show(Show<Customer>),
    Edit(edit::EditCustomer),
    /// Archive a customer
    Archive(Archive<Customer>),
}

impl CustomerCommand {
    /// Returns whether the command may create the data directory.
    pub(crate) fn creates_first_data(&self) -> bool {
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

/// Which customers are listed.
#[derive(Args)]
pub(crate) struct CustomerFilter {
    /// Only those with this tag
    #[arg(long, value_name = "WORD")]
    tag: Option<String>,
    #[command(flatten)]
    metadata: MetadataArgument,
}

impl Filter for CustomerFilter {
    fn apply(&self, path: Path) -> Path {
        self.metadata.apply(path.maybe("tag", self.tag.as_ref()))
    }
}

/// The most customers whose names are looked up, since each costs a request. A list shows the ids of the others.
const NAMED: usize = 200;

/// Returns the names of these customers by id. A customer that cannot be read is left out, and shown by its id.
pub(crate) async fn names(
    client: &mut Client,
    customers: impl IntoIterator<Item = CustomerId>,
) -> BTreeMap<CustomerId, String> {
    let customers: BTreeSet<CustomerId> = customers.into_iter().collect();
    let mut names = BTreeMap::new();
    for id in customers.into_iter().take(NAMED) {
        let found =
            client.get(Customer::path(&id.to_string())).await.and_then(|answer| answer.read::<Customer>());
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

impl Noun for Customer {
    const PLURAL: &'static str = "customers";
    const ARGUMENT: &'static str = "CUSTOMER";
    const ARGUMENT_HELP: &'static str = "Id or reference";

    fn card(&self, output: &Output) -> String {
        Card::new(format!("Customer {}", self.id))
            .maybe("Reference", self.reference.as_ref().map(ToString::to_string))
            .line("Name", &self.name)
            .maybe("Mail", self.email.as_ref())
            .maybe("Company", self.company.as_ref())
            .list("Tags", &self.tags)
            .line("Notes", &self.notes)
            .line("Metadata", pairs(&self.metadata))
            .line("Created", ago(self.created_at, output.now))
            .maybe("Archived", self.archived_at.map(|at| ago(at, output.now)))
            .text(output.style)
    }
}

impl CsvRow for Customer {
    const COLUMNS: &'static str =
        "id reference name email company tags notes metadata created_at updated_at archived_at";
}

impl Listed for Customer {
    type Filter = CustomerFilter;
    const SEARCH_HELP: &'static str = "Only those with all these words, or words that begin with them, in name, company, reference or mail address";

    fn table(rows: &[Self], output: &Output) -> String {
        let mut table = Table::new(["ID", "REFERENCE", "NAME", "MAIL", "COMPANY", "TAGS"])
            .shortens([("NAME", 12), ("MAIL", 12), ("COMPANY", 10), ("TAGS", 8)])
            .leaves_out(["TAGS", "COMPANY", "MAIL"]);
        for customer in rows {
            table.row([
                customer.id.to_string(),
                customer.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
                customer.name.clone(),
                customer.email.clone().unwrap_or_default(),
                customer.company.clone().unwrap_or_default(),
                customer.tags.iter().cloned().collect::<Vec<_>>().join(", "),
            ]);
        }
        table.fitted(output)
    }
}
