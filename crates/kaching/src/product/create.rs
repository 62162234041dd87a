use clap::Args;
use kaching_api::{Contact, Product, ProductCreate};
use kaching_base::{Code, LeaseAlgorithm};

use crate::{
    failure::Failure,
    flags::words,
    noun::Noun,
    output::Output,
    remote::{Client, Path},
};

/// Create a product
#[derive(Args)]
pub(crate) struct CreateProduct {
    /// Its short name, which never changes: a-z, 0-9, _ . -
    #[arg(long)]
    code: Code,
    /// A name for people
    #[arg(long)]
    name: String,
    /// The prefix of its license keys; the code in capitals unless set
    #[arg(long, value_name = "PREFIX")]
    key_prefix: Option<String>,
    /// The page for customers who need more
    #[arg(long, value_name = "URL")]
    contact_url: Option<String>,
    /// The mail address for customers who need more
    #[arg(long, value_name = "MAIL")]
    contact_email: Option<String>,
    /// The algorithm that signs its leases; EdDSA unless set
    #[arg(long, value_name = "ALG", value_parser = words!(LeaseAlgorithm))]
    lease_alg: Option<LeaseAlgorithm>,
}

impl CreateProduct {
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
            format!("{}\n{}", product.card(output), output.style.dim(&next))
        })
    }
}
