use clap::Args;
use kaching_api::{Contact, Product, ProductCreate};
use kaching_base::{Code, LeaseAlgorithm};

use crate::{
    failure::Failure,
    flags::words,
    output::Output,
    remote::{Client, Path},
};

/// Make a product
#[derive(Args)]
pub(crate) struct Create {
    /// Its short name, which never changes: a-z, 0-9, _ . -
    #[arg(long)]
    code: Code,
    /// What people call it
    #[arg(long)]
    name: String,
    /// What its license keys begin with; the code in capitals unless said otherwise
    #[arg(long, value_name = "PREFIX")]
    key_prefix: Option<String>,
    /// The page for customers who need more
    #[arg(long, value_name = "URL")]
    contact_url: Option<String>,
    /// The mail address for customers who need more
    #[arg(long, value_name = "MAIL")]
    contact_email: Option<String>,
    /// What signs its leases; EdDSA unless said otherwise
    #[arg(long, value_name = "ALG", value_parser = words!(LeaseAlgorithm))]
    lease_alg: Option<LeaseAlgorithm>,
}

impl Create {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let contact = Contact { url: self.contact_url, email: self.contact_email };
        let body = ProductCreate {
            code: self.code,
            name: self.name,
            key_prefix: self.key_prefix,
            contact: (contact != Contact::default()).then_some(contact),
            lease_alg: self.lease_alg,
            key_format: None,
        };
        let answer = client.post(Path::admin("products"), &body).await?;
        output.answer(&answer, |product: Product| {
            let next = format!("Next: kaching plan create --product {} --code … --name …", product.code);
            format!("{}\n{}", super::card(&product, output), output.style.dim(&next))
        })
    }
}
