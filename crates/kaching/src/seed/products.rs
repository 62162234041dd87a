//! The sample products, with their features and plans.

use kaching_api::{Contact, FeatureCreate, ListEdit, PlanCreate, PolicyEdit, ProductCreate};
use kaching_base::{Code, FingerprintKind, LeaseAlgorithm, LicenseType, Limit, Price};

use super::Seeded;
use crate::{
    failure::Failure,
    remote::{Client, Path},
};

struct Product {
    code: &'static str,
    name: &'static str,
    url: &'static str,
    email: &'static str,
    kinds: &'static [FingerprintKind],
    /// Code, title, benefit.
    features: &'static [(&'static str, &'static str, &'static str)],
    plans: &'static [Plan],
}

struct Plan {
    code: &'static str,
    name: &'static str,
    rank: i64,
    kind: LicenseType,
    days: Option<i64>,
    limits: &'static [&'static str],
    /// The number of the product's features that it has, in their order.
    features: usize,
    price: Option<&'static str>,
}

const PRODUCTS: [Product; 3] = [
    Product {
        code: "agencyos",
        name: "AgencyOS",
        url: "https://agencyos.example.com/upgrade",
        email: "sales@agencyos.example.com",
        kinds: &[FingerprintKind::Device, FingerprintKind::Domain],
        features: &[
            ("projects", "Projects", "Plan and bill the work of every client in one place"),
            ("client_portal", "Client portal", "Let clients follow and approve work by themselves"),
            ("automations", "Automations", "Hand over recurring work to rules that never forget"),
            ("white_label", "White label", "Show your clients your own name and colours, not ours"),
        ],
        plans: &[
            Plan {
                code: "solo",
                name: "Solo",
                rank: 1,
                kind: LicenseType::Standard,
                days: Some(365),
                limits: &["activations=3"],
                features: 1,
                price: Some("EUR:29000/year"),
            },
            Plan {
                code: "team",
                name: "Team",
                rank: 2,
                kind: LicenseType::Standard,
                days: Some(365),
                limits: &["activations=10"],
                features: 3,
                price: Some("EUR:99000/year"),
            },
            Plan {
                code: "enterprise",
                name: "Enterprise",
                rank: 3,
                kind: LicenseType::Enterprise,
                days: Some(365),
                limits: &["activations=unlimited"],
                features: 4,
                price: None,
            },
        ],
    },
    Product {
        code: "chorus",
        name: "CHORUS",
        url: "https://chorus.example.com/upgrade",
        email: "sales@chorus.example.com",
        kinds: &[FingerprintKind::Cluster],
        features: &[
            ("scheduling", "Scheduling", "Run jobs at their time, on the node that has room"),
            ("federation", "Federation", "Link clusters across regions"),
            ("priority_queues", "Priority queues", "Let urgent jobs overtake the long ones"),
            ("audit_export", "Audit export", "Hand auditors a signed record of every job"),
            ("single_sign_on", "Single sign-on", "Let people in with the accounts that they have"),
        ],
        plans: &[
            Plan {
                code: "community",
                name: "Community",
                rank: 1,
                kind: LicenseType::Standard,
                days: Some(365),
                limits: &["activations=1", "nodes=3", "jobs=1000/month"],
                features: 1,
                price: Some("EUR:0/year"),
            },
            Plan {
                code: "team",
                name: "Team",
                rank: 2,
                kind: LicenseType::Standard,
                days: Some(365),
                limits: &["activations=1", "nodes=25", "jobs=10000/month:soft+10%"],
                features: 3,
                price: Some("EUR:490000/year"),
            },
            Plan {
                code: "enterprise",
                name: "Enterprise",
                rank: 3,
                kind: LicenseType::Enterprise,
                days: Some(365),
                limits: &["activations=1", "nodes=unlimited", "jobs=unlimited/month"],
                features: 5,
                price: None,
            },
        ],
    },
    Product {
        code: "caio",
        name: "CAIO",
        url: "https://caio.example.com/plans",
        email: "licensing@caio.example.com",
        kinds: &[FingerprintKind::Instance],
        features: &[
            ("routing", "Routing", "Send each request to the service that answers it best"),
            ("service_catalog", "Service catalogue", "Find and reuse every service of your company"),
            ("analytics", "Analytics", "See what is asked, what it costs, and what it saves"),
            ("policy_engine", "Policy engine", "Decide who may ask what, and prove it later"),
        ],
        plans: &[
            Plan {
                code: "trial",
                name: "Trial",
                rank: 1,
                kind: LicenseType::Trial,
                days: Some(30),
                limits: &["activations=1", "services=5", "requests=1000/day"],
                features: 2,
                price: None,
            },
            Plan {
                code: "standard",
                name: "Standard",
                rank: 2,
                kind: LicenseType::Standard,
                days: Some(365),
                limits: &["activations=5", "services=100", "requests=10000/day"],
                features: 3,
                price: Some("USD:120000/year"),
            },
            Plan {
                code: "enterprise",
                name: "Enterprise",
                rank: 3,
                kind: LicenseType::Enterprise,
                days: Some(365),
                limits: &["activations=50", "services=unlimited", "requests=unlimited/day"],
                features: 4,
                price: Some("USD:960000/year"),
            },
            Plan {
                code: "perpetual",
                name: "Perpetual",
                rank: 2,
                kind: LicenseType::Perpetual,
                days: None,
                limits: &["activations=5", "services=100", "requests=10000/day"],
                features: 3,
                price: Some("USD:480000/once"),
            },
        ],
    },
];

/// Makes the products with their features and plans, where they are not there yet.
pub(crate) async fn products(client: &mut Client, seeded: &mut Seeded) -> Result<(), Failure> {
    for product in &PRODUCTS {
        let contact = Contact { url: Some(product.url.to_owned()), email: Some(product.email.to_owned()) };
        let body = ProductCreate {
            code: code(product.code),
            name: product.name.to_owned(),
            key_prefix: None,
            contact: Some(contact),
            lease_alg: Some(LeaseAlgorithm::EdDsa),
            key_format: None,
        };
        let answer = client.post(Path::admin("products"), &body).await;
        seeded.products.count(answer)?;
        for (feature, title, benefit) in product.features {
            let body = FeatureCreate {
                product: code(product.code),
                code: code(feature),
                title: (*title).to_owned(),
                benefit: (*benefit).to_owned(),
            };
            let answer = client.post(Path::admin("features"), &body).await;
            seeded.features.count(answer)?;
        }
        for plan in product.plans {
            let answer = client.post(Path::admin("plans"), &plan.body(product)).await;
            seeded.plans.count(answer)?;
        }
    }
    Ok(())
}

impl Plan {
    fn body(&self, product: &Product) -> PlanCreate {
        let limits = self.limits.iter().map(|text| Limit::parse_named(text).expect("a limit of our own"));
        let features = product.features[..self.features].iter().map(|(feature, ..)| code(feature));
        PlanCreate {
            product: code(product.code),
            code: code(self.code),
            name: self.name.to_owned(),
            rank: self.rank,
            kind: Some(self.kind),
            features: features.collect(),
            limits: limits.collect(),
            term: None,
            term_days: self.days,
            lease_policy: Some(PolicyEdit {
                kinds: Some(ListEdit::All(product.kinds.to_vec())),
                ..PolicyEdit::default()
            }),
            price: self.price.map(|text| text.parse::<Price>().expect("a price of our own")),
        }
    }
}

/// Returns whether a product is a sample product. The vendor of a real product with this code and name is recognized by
/// its customers.
pub(super) fn is_ours(product: &kaching_api::Product) -> bool {
    PRODUCTS.iter().any(|ours| ours.code == product.code.as_str() && ours.name == product.name)
}

/// Returns each plan with its product, by their codes.
pub(super) fn plans() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRODUCTS.iter().flat_map(|product| product.plans.iter().map(|plan| (product.code, plan.code)))
}

pub(super) fn has_plan(product: &Code, plan: &Code) -> bool {
    let of = PRODUCTS.iter().filter(|ours| ours.code == product.as_str());
    of.flat_map(|ours| ours.plans).any(|ours| ours.code == plan.as_str())
}

pub(super) fn has_feature(product: &Code, feature: &Code) -> bool {
    let of = PRODUCTS.iter().filter(|ours| ours.code == product.as_str());
    of.flat_map(|ours| ours.features).any(|(ours, ..)| *ours == feature.as_str())
}

/// A code of our own tables.
pub(super) fn code(text: &str) -> Code {
    text.parse().expect("a code of our own")
}
