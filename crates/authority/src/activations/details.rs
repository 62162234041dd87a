use kaching_base::{FingerprintKind, LicenseId, Timestamp};
use kaching_domain::{Activation, ActivationStatus};

use super::shown;

/// Which activations are listed.
#[derive(Clone, Debug, Default)]
pub struct ActivationFilter {
    pub license: Option<LicenseId>,
    /// As it is shown: an active one whose time has passed is lapsed.
    pub status: Option<ActivationStatus>,
    pub kind: Option<FingerprintKind>,
    /// The customer of the license, by id or reference.
    pub customer: Option<String>,
    /// The code of the license's product.
    pub product: Option<String>,
    /// The product's version that it reported last.
    pub version: Option<String>,
    /// The health that it reported last: `ok`, `degraded` or `down`.
    pub health: Option<&'static str>,
    /// The address of its last call: personal data.
    pub address: Option<String>,
}

/// The health that a product reported last, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReportedHealth {
    /// `ok`, `degraded` or `down`. It is the first member: a filter compares the beginning of the stored JSON.
    pub status: String,
    pub detail: Option<String>,
    /// The first report of this status in a row; `None` if that was to an earlier version of the authority.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

/// An activation as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationDetails {
    pub activation: Activation,
    /// The health that it reported last.
    pub health: Option<ReportedHealth>,
}

impl ActivationDetails {
    /// Returns it as people see it: an active one whose time has passed is lapsed.
    pub(super) fn shown(self, now: Timestamp) -> Self {
        Self { activation: shown(self.activation, now), ..self }
    }
}
