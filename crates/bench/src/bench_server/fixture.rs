use kaching_api::{License, SecretText};
use kaching_base::LicenseId;
use serde_json::json;

use super::super::server_process::Algorithm;
use kaching_command::{
    failure::Failure,
    remote::{Client, Path},
};

/// The code of the product.
pub(crate) const PRODUCT: &str = "bench";
/// A feature of its plan.
pub(crate) const FEATURE: &str = "federation";
/// The number of licenses. Activations lock the row of their license, so one license would serialize them.
const LICENSES: usize = 64;
/// The slots of the license that has too few for the race.
pub(crate) const SCARCE: u32 = 100;

/// The licenses of the temporary authority.
pub(crate) struct Fixture {
    /// The keys of licenses without a limit of slots.
    pub(crate) keys: Vec<SecretText>,
    /// The key of the license with [`SCARCE`] slots.
    pub(super) scarce: SecretText,
    pub(super) like: LicenseId,
    /// The licenses of `keys`.
    pub(super) licenses: Vec<LicenseId>,
}

/// Creates a product, its plans, a customer and the licenses.
pub(super) async fn create(client: &mut Client, algorithm: Algorithm) -> Result<Fixture, Failure> {
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
        (Some(scarce), Some(like)) => Ok(Fixture { keys, scarce, like, licenses }),
        _ => {
            Err(Failure::refused("The temporary authority gave no license keys: this is a fault of Kaching."))
        }
    }
}

async fn license(client: &mut Client, plan: &str) -> Result<License, Failure> {
    let body = json!({ "customer": "CUST-001", "product": PRODUCT, "plan": plan });
    client.post(Path::admin("licenses"), &body).await?.read()
}
