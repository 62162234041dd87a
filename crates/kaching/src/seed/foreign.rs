//! A search for data that is not sample data.

use std::collections::HashMap;

use kaching_api::{Customer, Feature, License, List, Plan, Product};
use kaching_base::Timestamp;
use serde::de::DeserializeOwned;

use super::{activity::MARK, products, samples};
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

/// Returns the name of the first thing that is not sample data, including archived ones.
pub(super) async fn find(client: &mut Client, now: Timestamp) -> Result<Option<String>, Failure> {
    let customers = samples::big(now);
    let names: HashMap<&str, &str> =
        customers.iter().map(|customer| (customer.reference.as_str(), customer.name.as_str())).collect();
    let product = |product: &Product| {
        let ours = products::is_ours(product);
        (!ours).then(|| format!("the product {}", product.code))
    };
    let customer = |customer: &Customer| {
        let reference = customer.reference.as_ref().map(|reference| reference.as_str());
        let ours = reference.and_then(|reference| names.get(reference)) == Some(&customer.name.as_str());
        (!ours).then(|| format!("the customer {}", customer.id))
    };
    let license = |license: &License| {
        let ours = license.metadata.contains_key(MARK);
        (!ours).then(|| format!("the license {}", license.id))
    };
    let plan = |plan: &Plan| {
        let ours = products::has_plan(&plan.product, &plan.code);
        (!ours).then(|| format!("the plan {}:{}", plan.product, plan.code))
    };
    let feature = |feature: &Feature| {
        let ours = products::has_feature(&feature.product, &feature.code);
        (!ours).then(|| format!("the feature {}:{}", feature.product, feature.code))
    };
    let found = first(client, "products", product).await?;
    let found = found.or(first(client, "customers", customer).await?);
    let found = found.or(first(client, "plans", plan).await?);
    let found = found.or(first(client, "features", feature).await?);
    match found {
        Some(found) => Ok(Some(found)),
        None => first(client, "licenses", license).await,
    }
}

async fn first<T: DeserializeOwned>(
    client: &mut Client,
    plural: &str,
    foreign: impl Fn(&T) -> Option<String>,
) -> Result<Option<String>, Failure> {
    let mut after = None::<String>;
    loop {
        let path = Path::admin(plural).with("archived", "true").with("limit", "200");
        let page: List<T> = client.get(path.maybe("after", after.as_ref())).await?.read()?;
        if let Some(found) = page.items.iter().find_map(&foreign) {
            return Ok(Some(found));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(None),
        }
    }
}
