use kaching_base::{ActivationId, Code};
use kaching_license::{Digest, RootKey};

use crate::{Fingerprint, LicenseKey, role::LeaseSource, timing::Timing};

/// The settings that a guard was started with.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) source: LeaseSource,
    pub(crate) roots: Vec<RootKey>,
    pub(crate) product: Code,
    /// `None` where another node renews the lease, or where somebody has yet to enter a key.
    pub(crate) license_key: Option<LicenseKey>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// The activation whose slot this start moves here.
    pub(crate) takeover: Option<ActivationId>,
    pub(crate) timing: Timing,
}

impl Settings {
    /// Returns the authority's URL; empty on a node that asks none.
    pub(crate) fn url(&self) -> &str {
        match &self.source {
            LeaseSource::Authority(url) => url,
            LeaseSource::Node(_) => "",
        }
    }

    /// Returns the identity of the state: another key, product or installation begins a state of its own.
    pub(crate) fn identity(&self) -> Digest {
        let Self { product, license_key, fingerprint, .. } = self;
        let key = license_key.as_ref().map_or("", LicenseKey::expose);
        Digest::of(format!(
            "kaching/client/v1\n{product}\n{}\n{}\n{key}",
            fingerprint.kind(),
            fingerprint.value()
        ))
    }

    /// Returns the same with the name that earlier versions gave to this installation, where that was another.
    pub(crate) fn as_before(&self) -> Option<Self> {
        let fingerprint = self.fingerprint.as_before()?;
        Some(Self { fingerprint, ..self.clone() })
    }

    /// Returns settings of a test.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn of_test(fingerprint: Fingerprint) -> Self {
        Self {
            source: LeaseSource::Authority("https://licenses.example.com".to_owned()),
            roots: Vec::new(),
            product: Code::verbatim("test".to_owned()),
            license_key: None,
            fingerprint,
            name: None,
            version: None,
            takeover: None,
            timing: Timing::default(),
        }
    }
}
