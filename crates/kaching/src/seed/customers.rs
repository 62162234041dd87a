use std::collections::BTreeMap;

use kaching_api::CustomerCreate;

use super::{Seeded, samples::SampleCustomer};
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

/// Creates a sample customer.
pub(super) async fn customer(
    client: &mut Client,
    customer: &SampleCustomer,
    seeded: &mut Seeded,
) -> Result<(), Failure> {
    let body = CustomerCreate {
        name: customer.name.clone(),
        reference: Some(customer.reference.parse()?),
        email: Some(customer.email.clone()),
        company: Some(customer.company.clone()),
        tags: customer.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        notes: String::new(),
        metadata: BTreeMap::new(),
    };
    let answer = client.post(Path::admin("customers"), &body).await;
    seeded.customers.count(answer)?;
    Ok(())
}
