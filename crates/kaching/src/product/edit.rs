use clap::Args;
use kaching_api::{ContactEdit, Product, ProductEdit};
use kaching_base::LeaseAlgorithm;

use crate::{
    failure::Failure,
    flags::{changes_something, cleared, words},
    output::Output,
    remote::Client,
};

/// Change a product; what is not named stays
#[derive(Args)]
pub(crate) struct Edit {
    /// The product's code
    #[arg(value_name = "PRODUCT")]
    code: String,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// What its new license keys begin with
    #[arg(long, value_name = "PREFIX")]
    key_prefix: Option<String>,
    /// The page for customers who need more; empty for none
    #[arg(long, value_name = "URL")]
    contact_url: Option<String>,
    /// The mail address for customers who need more; empty for none
    #[arg(long, value_name = "MAIL")]
    contact_email: Option<String>,
    /// What signs its leases from now on
    #[arg(long, value_name = "ALG", value_parser = words!(LeaseAlgorithm))]
    lease_alg: Option<LeaseAlgorithm>,
}

impl Edit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = super::path(&self.code);
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
        output.answer(&answer, |product: Product| super::card(&product, output))
    }
}
