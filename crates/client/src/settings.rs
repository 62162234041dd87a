use kaching_base::{ActivationId, Code};
use kaching_license::{Digest, RootKey};

use crate::{Fingerprint, LicenseKey, timing::Timing};

/// What a guard was started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The authority's public URL, checked, without a slash at its end.
    pub(crate) url: String,
    pub(crate) roots: Vec<RootKey>,
    pub(crate) product: Code,
    /// None where another holds the lease, or where somebody has yet to enter one.
    pub(crate) license_key: Option<LicenseKey>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// The activation whose slot this start takes.
    pub(crate) takeover: Option<ActivationId>,
    pub(crate) timing: Timing,
}

impl Settings {
    /// Whose state it is: another key, product or installation begins anew.
    pub(crate) fn identity(&self) -> Digest {
        let Self { product, license_key, fingerprint, .. } = self;
        let key = license_key.as_ref().map_or("", LicenseKey::expose);
        Digest::of(format!(
            "kaching/client/v1\n{product}\n{}\n{}\n{key}",
            fingerprint.kind(),
            fingerprint.value()
        ))
    }

    /// The same with the name that earlier versions gave to this installation, where that was another.
    pub(crate) fn as_before(&self) -> Option<Self> {
        let fingerprint = self.fingerprint.as_before()?;
        Some(Self { fingerprint, ..self.clone() })
    }
}
