use clap::Subcommand;
use kaching_api::{Contact, Product};

use crate::{
    failure::Failure,
    flags::CsvRow,
    noun::{Archive, List, Listed, NoFilter, Noun, Show},
    output::{Card, Output, Table},
    remote::Client,
    words::ago,
};

mod create;
mod edit;

/// The products that are licensed
#[derive(Subcommand)]
pub(crate) enum ProductCommand {
    Create(create::CreateProduct),
    /// List products
    List(List<Product>),
    /// Show a product
    Show(Show<Product>),
    Edit(edit::EditProduct),
    /// Archive a product: it is no longer offered, its licenses stay valid
    Archive(Archive<Product>),
}

impl ProductCommand {
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

impl Noun for Product {
    const PLURAL: &'static str = "products";
    const ARGUMENT: &'static str = "PRODUCT";
    const ARGUMENT_HELP: &'static str = "The product's code";

    fn card(&self, output: &Output) -> String {
        Card::new(format!("Product {}", self.code))
            .line("Name", &self.name)
            .line("Keys begin with", &self.key_prefix)
            .line("Leases signed with", self.lease_alg.as_str())
            .line("Contact", contact(&self.contact))
            .line("Created", ago(self.created_at, output.now))
            .maybe("Archived", self.archived_at.map(|at| ago(at, output.now)))
            .text(output.style)
    }
}

impl CsvRow for Product {
    const COLUMNS: &'static str = "id code name key_prefix contact.url contact.email lease_alg key_format created_at \
         updated_at archived_at";
}

impl Listed for Product {
    type Filter = NoFilter;
    const SEARCH_HELP: &'static str =
        "Only those with all these words, or words that begin with them, in code or name";

    fn table(rows: &[Self], output: &Output) -> String {
        let mut table = Table::new(["CODE", "NAME", "KEYS", "CONTACT", "ARCHIVED"])
            .shortens([("NAME", 12), ("CONTACT", 12), ("ARCHIVED", 11)])
            .leaves_out(["ARCHIVED", "CONTACT", "KEYS"]);
        for product in rows {
            table.row([
                product.code.to_string(),
                product.name.clone(),
                product.key_prefix.clone(),
                contact(&product.contact),
                product.archived_at.map(|at| ago(at, output.now)).unwrap_or_default(),
            ]);
        }
        table.fitted(output)
    }
}

fn contact(contact: &Contact) -> String {
    [&contact.url, &contact.email].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
}
