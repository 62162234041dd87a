use kaching_api::SecretText;
use kaching_license::Digest;
use serde::{Deserialize, Serialize};

use super::{activation::ActivationRecord, keys::KeysRecord, lease::LeaseRecord, outbox::OutboxRecord};
use crate::{Fingerprint, LicenseKey, settings::Settings, time::TimeMark};

/// Everything that outlives the process, as one JSON object.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u32,
    /// The identity that the state belongs to.
    pub(super) identity: Digest,
    #[serde(flatten)]
    pub(super) keys: KeysRecord,
    #[serde(flatten)]
    pub(super) activation: ActivationRecord,
    #[serde(flatten)]
    pub(super) lease: LeaseRecord,
    pub(super) time: Option<TimeMark>,
    #[serde(flatten)]
    pub(super) outbox: OutboxRecord,
    /// A license key that was entered while the product ran.
    #[serde(default)]
    pub(super) entered: Option<EnteredKey>,
    /// The state of the key or fingerprint that the program had before, until the present one has a lease: so a mistyped
    /// setting does not cost an installation its license.
    #[serde(default)]
    pub(super) before: Option<Box<Self>>,
}

/// A license key that somebody entered, and the installation that it was entered for.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct EnteredKey {
    pub(super) license_key: SecretText,
    pub(super) fingerprint: Fingerprint,
    /// The identity that the program itself was configured with then: another configuration ends it.
    pub(super) instead_of: Digest,
}

impl Record {
    const VERSION: u32 = 2;
    /// Before states had a mac; nothing else in them differs.
    const WITHOUT_MAC: u32 = 1;

    /// A state in which nothing has happened.
    pub(super) fn new(identity: Digest) -> Self {
        Self {
            version: Self::VERSION,
            identity,
            keys: KeysRecord::default(),
            activation: ActivationRecord::default(),
            lease: LeaseRecord::default(),
            outbox: OutboxRecord::default(),
            time: None,
            entered: None,
            before: None,
        }
    }

    /// Reads what was left on disk, as far as it is this installation's. The state of another key or fingerprint is kept
    /// as `before`; the keyset and the time stay. A key that was entered goes into the settings.
    pub(super) fn restore(bytes: Option<&[u8]>, settings: &mut Settings) -> Self {
        let Some(mut left) = Self::parse(bytes) else { return Self::new(settings.identity()) };
        if left.belongs(settings) {
            return left;
        }
        let (keys, time) = (left.keys.clone(), left.time.clone());
        let before = left.before.take();
        if let Some(before) = before.as_ref().filter(|before| before.belongs(settings)) {
            return Self { keys, time, ..Self::clone(before) };
        }
        let before = if left.lease.is_used() { Some(Box::new(left)) } else { before };
        Self { keys, time, before, ..Self::new(settings.identity()) }
    }

    /// Whether it is of the installation that these settings name. A key that was entered in place of theirs goes into
    /// them, and so does the name that an earlier version gave to the installation, since its lease has that name.
    fn belongs(&self, settings: &mut Settings) -> bool {
        if self.is_of(settings) {
            return true;
        }
        let Some(mut before) = settings.as_before() else { return false };
        let belongs = self.is_of(&mut before);
        if belongs {
            *settings = before;
        }
        belongs
    }

    fn is_of(&self, settings: &mut Settings) -> bool {
        let configured = settings.identity();
        if let Some(entered) = self.entered.as_ref().filter(|entered| entered.instead_of == configured) {
            settings.license_key = Some(LicenseKey::new(entered.license_key.expose()));
            settings.fingerprint = entered.fingerprint.clone();
        }
        self.identity == settings.identity()
    }

    fn parse(bytes: Option<&[u8]>) -> Option<Self> {
        let left: Self = serde_json::from_slice(bytes?).ok()?;
        let known = [Self::VERSION, Self::WITHOUT_MAC].contains(&left.version);
        known.then_some(Self { version: Self::VERSION, ..left })
    }

    /// Reads the state that another process has on disk, if it is of the installation that these settings name.
    pub(super) fn observed(left: &[u8], settings: &mut Settings) -> Option<Self> {
        Self::parse(Some(left)).filter(|left| left.belongs(settings))
    }

    /// The bytes to write to disk.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its maps have text for keys and nothing in it fails")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(fingerprint: Fingerprint) -> Settings {
        Settings { license_key: Some(LicenseKey::new("NOTES-1")), ..Settings::of_test(fingerprint) }
    }

    #[test]
    fn state_of_a_version_that_spelled_the_domain_otherwise_is_this_installations() {
        let domain = |name: &str| Fingerprint::domain(name).unwrap();
        let earlier = domain("Bücher.example").as_before().unwrap();
        assert_eq!(earlier.value(), "bücher.example", "what earlier versions sent and hashed");
        let left = Record::new(settings(earlier.clone()).identity());
        let left = Record { lease: LeaseRecord::of_lease("its lease"), ..left }.bytes();

        let mut now = settings(domain("Bücher.example"));
        assert_eq!(now.fingerprint.value(), "xn--bcher-kva.example");
        let restored = Record::restore(Some(&left), &mut now);
        assert_eq!(restored.lease.lease(), Some("its lease"));
        assert_eq!(now.fingerprint, earlier, "its lease names the installation so");
        assert_eq!(restored.identity, now.identity());

        let mut other = settings(domain("other.example"));
        assert_eq!(Record::restore(Some(&left), &mut other).lease.lease(), None);
        assert_eq!(other.fingerprint.value(), "other.example");
        let mut fresh = settings(domain("Bücher.example"));
        assert_eq!(Record::restore(None, &mut fresh).identity, fresh.identity());
        assert_eq!(fresh.fingerprint.value(), "xn--bcher-kva.example");
    }

    #[test]
    fn the_state_of_an_earlier_version_is_read_member_by_member() {
        let mut settings = settings(Fingerprint::custom("a").unwrap());
        let identity = settings.identity();
        let left = format!(
            r#"{{"version":1,"identity":"{identity}","keyset":"keys","epoch":3,"rev":7,"credential":"secret",
                "beat":{{"number":9,"nonce":"n"}},"activating":null,"lease":"jws","stop":null,"time":null,
                "catalogue":"body","levels":{{"nodes":4}},"usage":[{{"meter":"jobs","amount":2,"seq":5,
                "at":"2026-01-01T00:00:00Z"}}],"usage_seq":5,"usage_sent":4}}"#
        );
        let record = Record::restore(Some(left.as_bytes()), &mut settings);
        let written: serde_json::Value = serde_json::from_slice(&record.bytes()).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&left).unwrap();
        expected["version"] = 2.into();
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(written[member], *value, "{member}");
        }
        assert_eq!(written["reports"], serde_json::json!([]));
    }
}
