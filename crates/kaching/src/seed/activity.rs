//! The licenses of a sale, and the installations that run on them.

use std::collections::{BTreeMap, BTreeSet};

use kaching_api::{ActivateRequest, Binding, License, LicenseCreate, List, SecretText, SuspendRequest};
use kaching_base::FingerprintKind;

use super::{
    Seeded,
    products::code,
    sold::{Sale, Sold},
};
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

/// What marks a license as one of ours, so that a second run finds it.
pub(super) const MARK: &str = "seed";

/// Makes what is not there yet of a sale's licenses.
pub(super) async fn licenses(client: &mut Client, sale: &Sale, seeded: &mut Seeded) -> Result<(), Failure> {
    let path = Path::admin("licenses").with("customer", &sale.reference).with("limit", "200");
    let present: List<License> = client.get(path).await?.read()?;
    let present: BTreeSet<&String> =
        present.items.iter().filter_map(|license| license.metadata.get(MARK)).collect();
    for (number, sold) in sale.licenses.iter().enumerate() {
        let mark = format!("{}-{number}", sale.reference);
        if present.contains(&mark) {
            seeded.licenses.existing += 1;
            continue;
        }
        let answer = client.post(Path::admin("licenses"), &body(sale, sold, &mark)).await?;
        let license: License = answer.read()?;
        seeded.licenses.made += 1;
        for name in &sold.installations {
            activate(client, &license, sold, &mark, name).await?;
            seeded.activations.made += 1;
        }
        if let Some(reason) = sold.suspended {
            let path = Path::admin("licenses").then(&license.id.to_string()).then("suspend");
            client.post(path, &SuspendRequest { reason: reason.to_owned() }).await?;
        }
    }
    Ok(())
}

fn body(sale: &Sale, sold: &Sold, mark: &str) -> LicenseCreate {
    let bindings = sold.bind.map(|value| Binding { kind: FingerprintKind::Domain, value: value.to_owned() });
    LicenseCreate {
        customer: sale.reference.clone(),
        product: code(sold.product),
        plan: code(sold.plan),
        kind: None,
        term: None,
        days: None,
        expires_at: sold.expires.map(kaching_base::EndDate),
        starts_at: sold.starts,
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

/// As the product itself would, through the product API.
async fn activate(
    client: &mut Client,
    license: &License,
    sold: &Sold,
    mark: &str,
    name: &str,
) -> Result<(), Failure> {
    let (kind, level) = match sold.product {
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
