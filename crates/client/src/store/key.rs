//! The key that proves that a state is this installation's, as this program has written it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use kaching_base::{Base64Url, Code, FingerprintKind};
use kaching_license::Digest;
use sha2::Sha256;

use crate::{Fingerprint, platform};

/// The key of a state's mac. It is derived from what everybody on the machine may know, so it keeps out no expert: it is
/// a hurdle to editing a state by hand, or using it for another installation.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StateKey(Digest);

impl StateKey {
    /// The key of an installation's states. That of a device has the machine's id in it, where there is one that stays:
    /// a device's state does not move to another machine, and a cluster's does.
    pub(crate) fn of(product: &Code, fingerprint: &Fingerprint) -> Self {
        let machine = match fingerprint.kind() {
            FingerprintKind::Device => platform::lasting_machine_id(),
            _ => None,
        };
        Self::derived(product, fingerprint, machine.unwrap_or_default())
    }

    fn derived(product: &Code, fingerprint: &Fingerprint, machine: &str) -> Self {
        let (kind, value) = (fingerprint.kind(), fingerprint.value());
        Self(Digest::of(format!("kaching/client/state/v2\n{product}\n{kind}\n{machine}\n{value}")))
    }

    fn begin(&self, sequence: u64, state: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0.0).expect("HMAC takes keys of any length");
        mac.update(&sequence.to_be_bytes());
        mac.update(state);
        mac
    }

    /// The mac of a state and its number.
    pub(super) fn mac(&self, sequence: u64, state: &[u8]) -> String {
        Base64Url(self.begin(sequence, state).finalize().into_bytes()).to_string()
    }

    /// Whether a mac is that of a state and its number.
    pub(super) fn proves(&self, mac: &str, sequence: u64, state: &[u8]) -> bool {
        let mac = Base64Url::decode_exact::<32>(mac.as_bytes());
        mac.is_some_and(|mac| self.begin(sequence, state).verify_slice(&mac).is_ok())
    }
}

impl std::fmt::Debug for StateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StateKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_product_installation_or_machine_has_another_key() {
        let code = |text: &str| text.parse::<Code>().unwrap();
        let custom = Fingerprint::custom("a").unwrap();
        let keys = [
            StateKey::derived(&code("chorus"), &custom, "machine"),
            StateKey::derived(&code("chorus"), &custom, ""),
            StateKey::derived(&code("caio"), &custom, "machine"),
            StateKey::derived(&code("chorus"), &Fingerprint::custom("b").unwrap(), "machine"),
            StateKey::derived(&code("chorus"), &Fingerprint::instance("a").unwrap(), "machine"),
        ];
        for (n, key) in keys.iter().enumerate() {
            let mac = key.mac(7, b"state");
            assert!(key.proves(&mac, 7, b"state"));
            assert!(!key.proves(&mac, 8, b"state"));
            assert!(!key.proves(&mac, 7, b"stat"));
            assert!(keys[..n].iter().all(|other| !other.proves(&mac, 7, b"state")));
        }
    }
}
