use clap::Args;
use kaching_api::{Customer, CustomerCreate};
use kaching_base::Reference;

use crate::{
    failure::Failure,
    flags::LabelArguments,
    noun::Noun,
    output::Output,
    remote::{Client, Path},
};

/// Create a customer
#[derive(Args)]
pub(crate) struct CreateCustomer {
    /// A name for people
    #[arg(long)]
    name: String,
    /// Your own name for it, as in CUST-001; every command takes it in place of the id
    #[arg(long)]
    reference: Option<Reference>,
    /// The mail address
    #[arg(long, value_name = "MAIL")]
    email: Option<String>,
    /// The company
    #[arg(long)]
    company: Option<String>,
    #[command(flatten)]
    labels: LabelArguments,
}

impl CreateCustomer {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = CustomerCreate {
            name: self.name,
            reference: self.reference,
            email: self.email,
            company: self.company,
            tags: self.labels.tags(),
            metadata: self.labels.metadata(),
            notes: self.labels.notes,
        };
        let answer = client.post(Path::admin("customers"), &body).await?;
        output.answer(&answer, |customer: Customer| {
            let name =
                customer.reference.as_ref().map_or_else(|| customer.id.to_string(), ToString::to_string);
            let next = format!("Next: kaching license create --customer {name} --product … --plan …");
            format!("{}\n{}", customer.card(output), output.style.dim(&next))
        })
    }
}
