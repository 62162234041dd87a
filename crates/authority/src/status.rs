//! How a license stands, for the people of the customer.

use kaching_base::{Code, Timestamp};
use kaching_domain::{Activation, License, Quota, State, Upgrade};
use kaching_license::LicenseKey;

use crate::watching::Bearer;

/// Who asks: a lease shows its own activation, the key shows all.
#[derive(Clone)]
pub enum Asker {
    Lease(Bearer),
    Key(LicenseKey),
}

/// A license with the names that its ids stand for, as products see it.
pub struct ProductLicense {
    pub license: License,
    pub product: Code,
    pub plan: Code,
    pub state: State,
}

/// `GET /v1/status`.
pub struct Standing {
    pub license: ProductLicense,
    pub plan_name: String,
    pub plan_rank: i64,
    pub quotas: Vec<Quota>,
    /// How many hold a slot.
    pub active: u64,
    /// With the key all that hold a slot; with a lease only its own.
    pub activations: Vec<Activation>,
    /// Whole days until the end date; nothing if perpetual or not started.
    pub days_left: Option<i64>,
    /// What happens when: one sentence.
    pub next: String,
    /// The next higher plan.
    pub upgrade: Option<Upgrade>,
    pub now: Timestamp,
}
