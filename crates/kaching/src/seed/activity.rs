//! The licenses of a customer, and the installations that use them.

use std::collections::{BTreeMap, BTreeSet};

use kaching_api::{ActivateRequest, Binding, License, LicenseCreate, List, SecretText, SuspendRequest};
use kaching_base::FingerprintKind;

use super::{
    Seeded,
    products::code,
    samples::{SampleCustomer, SampleLicense},
};
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

/// The metadata key that marks a sample license, so that a second run finds it.
pub(super) const MARK: &str = "seed";

/// Creates the licenses of a customer that do not exist yet.
pub(super) async fn licenses(
    client: &mut Client,
    customer: &SampleCustomer,
    seeded: &mut Seeded,
) -> Result<(), Failure> {
    let path = Path::admin("licenses").with("customer", &customer.reference).with("limit", "200");
    let present: List<License> = client.get(path).await?.read()?;
    let present: BTreeSet<&String> =
        present.items.iter().filter_map(|license| license.metadata.get(MARK)).collect();
    for (number, sample) in customer.licenses.iter().enumerate() {
        let mark = format!("{}-{number}", customer.reference);
        if present.contains(&mark) {
            seeded.licenses.existing += 1;
            continue;
        }
        let answer = client.post(Path::admin("licenses"), &body(customer, sample, &mark)).await?;
        let license: License = answer.read()?;
        seeded.licenses.created += 1;
        for name in &sample.installations {
            activate(client, &license, sample, &mark, name).await?;
            seeded.activations.created += 1;
        }
        if let Some(reason) = sample.suspended {
            let path = Path::admin("licenses").then(&license.id.to_string()).then("suspend");
            client.post(path, &SuspendRequest { reason: reason.to_owned() }).await?;
        }
    }
    Ok(())
}

/// Creates a license, and returns its key.
pub(super) async fn license(
    client: &mut Client,
    customer: &SampleCustomer,
    sample: &SampleLicense,
    mark: &str,
) -> Result<String, Failure> {
    let answer = client.post(Path::admin("licenses"), &body(customer, sample, mark)).await?;
    let license: License = answer.read()?;
    license
        .key
        .map(|key| key.expose().to_owned())
        .ok_or_else(|| Failure::refused(format!("The license {} has no key.", license.id)))
}

fn body(customer: &SampleCustomer, sample: &SampleLicense, mark: &str) -> LicenseCreate {
    let bindings =
        sample.bind.map(|value| Binding { kind: FingerprintKind::Domain, value: value.to_owned() });
    LicenseCreate {
        customer: customer.reference.clone(),
        product: code(sample.product),
        plan: code(sample.plan),
        kind: None,
        term: None,
        days: None,
        expires_at: sample.expires.map(kaching_base::EndDate),
        starts_at: sample.starts,
        start: None,
        features: BTreeSet::new(),
        limits: BTreeMap::new(),
        lease_policy: None,
        bindings: bindings.into_iter().collect(),
        key_format: None,
        tags: BTreeSet::new(),
        notes: String::new(),
        metadata: BTreeMap::from([(MARK.to_owned(), mark.to_owned())]),
    }
}

/// Activates a license through the product API, as a product would.
async fn activate(
    client: &mut Client,
    license: &License,
    sample: &SampleLicense,
    mark: &str,
    name: &str,
) -> Result<(), Failure> {
    let (kind, level) = match sample.product {
        "chorus" => (FingerprintKind::Cluster, Some(("nodes", 3))),
        "caio" => (FingerprintKind::Instance, Some(("services", 4))),
        _ => (FingerprintKind::Device, None),
    };
    let slug: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let body = ActivateRequest {
        license_key: license.key.as_ref().map(|key| SecretText::new(key.expose().to_owned())),
        product: license.product.clone(),
        fingerprint: format!("{mark}-{slug}"),
        kind,
        name: Some(name.to_owned()),
        version: Some("2.4.1".to_owned()),
        levels: level.map(|(name, level)| BTreeMap::from([(name.to_owned(), level)])),
        takeover: None,
        // No two bodies are alike, as the license and the installation are in it.
        nonce: format!("{}-{slug:-<16}", license.id).chars().take(64).collect(),
    };
    client.post(Path::at("/v1/activate"), &body).await?;
    Ok(())
}
