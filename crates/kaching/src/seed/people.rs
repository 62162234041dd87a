use std::collections::BTreeMap;

use kaching_api::CustomerCreate;

use super::{Seeded, sold::Sale};
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

/// Makes the customer of a sale.
pub(super) async fn customer(client: &mut Client, sale: &Sale, seeded: &mut Seeded) -> Result<(), Failure> {
    let body = CustomerCreate {
        name: sale.name.clone(),
        reference: Some(sale.reference.parse()?),
        email: Some(sale.email.clone()),
        company: Some(sale.company.clone()),
        tags: sale.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        notes: String::new(),
        metadata: BTreeMap::new(),
    };
    let answer = client.post(Path::admin("customers"), &body).await;
    seeded.customers.take(answer)?;
    Ok(())
}
