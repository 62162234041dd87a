use clap::Args;
use kaching_api::{Customer, CustomerEdit};
use kaching_base::Reference;

use crate::{
    failure::Failure,
    flags::{LabelEdits, changes_something, cleared},
    noun::Noun,
    output::Output,
    remote::Client,
};

/// Change a customer
#[derive(Args)]
pub(crate) struct EditCustomer {
    /// Id or reference
    customer: String,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// Your own name for it; empty for none
    #[arg(long)]
    reference: Option<String>,
    /// The mail address; empty for none
    #[arg(long, value_name = "MAIL")]
    email: Option<String>,
    /// The company; empty for none
    #[arg(long)]
    company: Option<String>,
    #[command(flatten)]
    labels: LabelEdits,
}

impl EditCustomer {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Customer::path(&self.customer);
        let reference = match cleared(self.reference) {
            Some(Some(text)) => Some(Some(text.parse::<Reference>()?)),
            Some(None) => Some(None),
            None => None,
        };
        let edit = CustomerEdit {
            name: self.name,
            reference,
            email: cleared(self.email),
            company: cleared(self.company),
            tags: self.labels.tags(),
            metadata: self.labels.metadata(),
            notes: self.labels.notes,
        };
        changes_something(&edit)?;
        let answer = client.patch(path, &edit).await?;
        output.answer(&answer, |customer: Customer| customer.card(output))
    }
}
