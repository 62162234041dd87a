use clap::Args;
use kaching_api::{ContactEdit, Product, ProductEdit};
use kaching_base::LeaseAlgorithm;

use crate::{
    failure::Failure,
    flags::{changes_something, cleared, words},
    noun::Noun,
    output::Output,
    remote::Client,
};

/// Change a product
#[derive(Args)]
pub(crate) struct EditProduct {
    /// The product's code
    #[arg(value_name = "PRODUCT")]
    code: String,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// The prefix of its new license keys
    #[arg(long, value_name = "PREFIX")]
    key_prefix: Option<String>,
    /// The page for customers who need more; empty for none
    #[arg(long, value_name = "URL")]
    contact_url: Option<String>,
    /// The mail address for customers who need more; empty for none
    #[arg(long, value_name = "MAIL")]
    contact_email: Option<String>,
    /// The algorithm that signs its leases from now on
    #[arg(long, value_name = "ALG", value_parser = words!(LeaseAlgorithm))]
    lease_alg: Option<LeaseAlgorithm>,
}

impl EditProduct {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Product::path(&self.code);
        let (url, email) = (cleared(self.contact_url), cleared(self.contact_email));
        let contact = (url.is_some() || email.is_some()).then_some(Some(ContactEdit { url, email }));
        let edit = ProductEdit {
            name: self.name,
            key_prefix: self.key_prefix,
            contact,
            lease_alg: self.lease_alg,
            key_format: None,
        };
        changes_something(&edit)?;
        let answer = client.patch(path, &edit).await?;
        output.answer(&answer, |product: Product| product.card(output))
    }
}
