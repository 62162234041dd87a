use kaching_api::{License, SecretText};
use kaching_base::LicenseId;
use serde_json::json;

use super::super::server::Algorithm;
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

/// The code of the product that is sold.
pub(in super::super) const PRODUCT: &str = "bench";
/// A feature that its plan has.
pub(in super::super) const FEATURE: &str = "federation";
/// A license is one row, which activations lock in turn: there are some, so that they do not all wait for one.
const LICENSES: usize = 64;
/// The slots of the one license that has too few.
pub(in super::super) const SCARCE: u32 = 100;

/// What was sold.
pub(in super::super) struct Sold {
    /// The keys of licenses without a limit of slots.
    pub(in super::super) keys: Vec<SecretText>,
    /// The key of one that has a hundred.
    pub(super) scarce: SecretText,
    pub(super) like: LicenseId,
    /// Those of the keys.
    pub(super) licenses: Vec<LicenseId>,
}

/// A product with a plan, and a customer who bought licenses of it.
pub(super) async fn sell(client: &mut Client, algorithm: Algorithm) -> Result<Sold, Failure> {
    let plan = |code: &str, slots: Option<u32>| {
        json!({
            "product": PRODUCT, "code": code, "name": code, "term_days": 365, "features": [FEATURE],
            "limits": { "activations": { "kind": "slots", "max": slots }, "nodes": { "kind": "level", "max": 25 } },
        })
    };
    for (plural, body) in [
        ("products", json!({ "code": PRODUCT, "name": "Bench", "lease_alg": algorithm.lease() })),
        (
            "features",
            json!({ "product": PRODUCT, "code": FEATURE, "title": "Federation", "benefit": "Link clusters" }),
        ),
        ("plans", plan("team", None)),
        ("plans", plan("scarce", Some(SCARCE))),
        ("customers", json!({ "name": "Acme", "reference": "CUST-001" })),
    ] {
        client.post(Path::admin(plural), &body).await?;
    }
    let mut keys = Vec::with_capacity(LICENSES);
    let mut licenses = Vec::with_capacity(LICENSES);
    for _ in 0..LICENSES {
        let made = license(client, "team").await?;
        licenses.push(made.id);
        keys.extend(made.key);
    }
    let scarce = license(client, "scarce").await?.key;
    match (scarce, licenses.last().copied()) {
        (Some(scarce), Some(like)) => Ok(Sold { keys, scarce, like, licenses }),
        _ => {
            Err(Failure::refused("The temporary authority gave no license keys: this is a fault of Kaching."))
        }
    }
}

async fn license(client: &mut Client, plan: &str) -> Result<License, Failure> {
    let body = json!({ "customer": "CUST-001", "product": PRODUCT, "plan": plan });
    client.post(Path::admin("licenses"), &body).await?.read()
}
