use std::collections::BTreeMap;

use kaching_api::{SecretText, Usage};
use kaching_base::{ErrorCode, Timestamp};
use kaching_license::{Digest, Refusal, RefusalCode};
use serde::{Deserialize, Serialize};

use crate::{Fingerprint, LicenseKey, settings::Settings, spool::Report, time::TimeMark};

/// Everything that outlives the process. Only the engine writes it, and the driver puts it on disk.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) version: u32,
    /// Whose state it is.
    pub(crate) identity: Digest,
    /// The newest keyset that was verified, as it was signed.
    pub(crate) keyset: Option<String>,
    pub(crate) epoch: u64,
    /// The highest revision that a statement of this epoch named.
    pub(crate) rev: u64,
    pub(crate) credential: Option<SecretText>,
    /// Of the next heartbeat; repeated until it is answered.
    pub(crate) beat: Option<Beat>,
    /// Of an activation that was not answered yet.
    pub(crate) activating: Option<String>,
    /// The last lease that was verified, as it was signed.
    pub(crate) lease: Option<String>,
    /// Where set, nothing older counts.
    pub(crate) stop: Option<Stop>,
    pub(crate) time: Option<TimeMark>,
    /// The catalogue's body, as its hash was signed.
    pub(crate) catalogue: Option<String>,
    pub(crate) levels: BTreeMap<String, u64>,
    pub(crate) usage: Vec<Usage>,
    /// The last number given to an entry of `usage`.
    pub(crate) usage_seq: u64,
    /// Entries up to this number were sent at least once, and change no more.
    pub(crate) usage_sent: u64,
    /// What the product told about itself and the authority has not taken yet.
    #[serde(default)]
    pub(crate) reports: Vec<Report>,
    /// What was taken over from each process that follows, by the name of its file.
    #[serde(default)]
    pub(crate) absorbed: BTreeMap<String, Absorbed>,
    /// A key that was entered while it ran.
    #[serde(default)]
    pub(crate) entered: Option<Entered>,
    /// When the credential was last found displaced, newest last, two at most.
    #[serde(default)]
    pub(crate) displaced: Vec<Timestamp>,
    /// What is known under the key or fingerprint that the program had before, until the present one has a lease: a
    /// mistyped setting should not cost an installation its license.
    #[serde(default)]
    pub(crate) before: Option<Box<Self>>,
}

/// How much of what a follower told stands in this record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Absorbed {
    pub(crate) usage: BTreeMap<String, u64>,
    pub(crate) levels: BTreeMap<String, u64>,
    pub(crate) reports: usize,
}

/// A license key that somebody entered, and the installation that it was entered for.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entered {
    pub(crate) license_key: SecretText,
    pub(crate) fingerprint: Fingerprint,
    /// What the program itself was configured with then: another configuration ends it.
    pub(crate) instead_of: Digest,
}

/// Number and nonce of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beat {
    pub(crate) number: u64,
    pub(crate) nonce: String,
    /// Drawn in this run of the process, and not sent yet.
    #[serde(skip)]
    pub(crate) unsent: bool,
}

/// A signed refusal that stopped the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) code: RefusalCode,
    pub(crate) detail: String,
    pub(crate) iat: Timestamp,
    pub(crate) epoch: u64,
    pub(crate) rev: Option<u64>,
    /// As it was signed, for those who follow.
    #[serde(default)]
    pub(crate) statement: Option<String>,
}

impl Record {
    pub(crate) const VERSION: u32 = 2;
    /// As it was before states had a mac; nothing else in it differs.
    const WITHOUT_MAC: u32 = 1;

    /// A state in which nothing has happened.
    pub(crate) fn new(identity: Digest) -> Self {
        Self {
            version: Self::VERSION,
            identity,
            keyset: None,
            epoch: 0,
            rev: 0,
            credential: None,
            beat: None,
            activating: None,
            lease: None,
            stop: None,
            time: None,
            catalogue: None,
            levels: BTreeMap::new(),
            usage: Vec::new(),
            usage_seq: 0,
            usage_sent: 0,
            reports: Vec::new(),
            absorbed: BTreeMap::new(),
            entered: None,
            displaced: Vec::new(),
            before: None,
        }
    }

    /// What was left on disk, as far as it is this installation's: what belongs to another key or fingerprint is put
    /// aside, the keyset and the time stay. A key that was entered goes into the settings.
    pub(crate) fn restore(bytes: Option<&[u8]>, settings: &mut Settings) -> Self {
        let Some(mut left) = Self::read(bytes) else { return Self::new(settings.identity()) };
        if left.belongs(settings) {
            return left;
        }
        let (keyset, time) = (left.keyset.clone(), left.time.clone());
        let before = left.before.take();
        if let Some(before) = before.as_ref().filter(|before| before.belongs(settings)) {
            return Self { keyset, time, ..Self::clone(before) };
        }
        let before = if left.lease.is_some() || left.stop.is_some() { Some(Box::new(left)) } else { before };
        Self { keyset, time, before, ..Self::new(settings.identity()) }
    }

    /// Whether it is of the installation that these settings name; a key that was entered in place of theirs goes into
    /// them, and so does the name that an earlier version gave to the installation: its lease is of that one.
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

    fn read(bytes: Option<&[u8]>) -> Option<Self> {
        let left: Self = serde_json::from_slice(bytes?).ok()?;
        let known = [Self::VERSION, Self::WITHOUT_MAC].contains(&left.version);
        known.then_some(Self { version: Self::VERSION, ..left })
    }

    /// A state on disk, if it is of the installation that these settings name.
    pub(crate) fn observed(left: &[u8], settings: &mut Settings) -> Option<Self> {
        Self::read(Some(left)).filter(|left| left.belongs(settings))
    }

    /// Whether it has a lease that nothing stops, whatever the time.
    pub(crate) fn permits(&self) -> bool {
        self.lease.is_some() && self.stop.is_none()
    }

    /// As it stands on disk.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its maps have text for keys and nothing in it fails")
    }
}

impl Stop {
    pub(crate) fn of(refusal: &Refusal, statement: &str) -> Self {
        let Refusal { code, detail, iat, epoch, rev, .. } = refusal;
        let statement = Some(statement.to_owned());
        Self { code: code.clone(), detail: detail.clone(), iat: *iat, epoch: *epoch, rev: *rev, statement }
    }

    /// Whether a statement of this time and revision is older than the stop. Times, as revisions, are compared within one
    /// epoch: another one begins where the authority's clock has run ahead, and goes back.
    pub(crate) fn outdates(&self, iat: Timestamp, epoch: u64, rev: Option<u64>) -> bool {
        let earlier_terms = rev.zip(self.rev).is_some_and(|(rev, own)| rev < own);
        epoch < self.epoch || epoch == self.epoch && (iat < self.iat || earlier_terms)
    }

    /// Others have the slot: a heartbeat would say nothing, since its credential was displaced.
    pub(crate) fn of_lost_slot(&self) -> bool {
        use ErrorCode::{ActivationLimitReached, MovesExhausted};
        matches!(self.code, RefusalCode::Known(ActivationLimitReached | MovesExhausted))
    }

    /// The activation has ended by somebody's will: only the host's next start asks for a new one.
    pub(crate) fn ends_activation(&self) -> bool {
        use ErrorCode::{ActivationDeactivated, ActivationReleased, ActivationSuperseded};
        matches!(
            self.code,
            RefusalCode::Known(ActivationDeactivated | ActivationReleased | ActivationSuperseded)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Timing;

    fn settings(fingerprint: Fingerprint) -> Settings {
        Settings {
            url: "https://licenses.example.com".to_owned(),
            roots: Vec::new(),
            product: "notes".parse().unwrap(),
            license_key: Some(LicenseKey::new("NOTES-1")),
            fingerprint,
            name: None,
            version: None,
            takeover: None,
            timing: Timing::default(),
        }
    }

    #[test]
    fn state_of_a_version_that_spelled_the_domain_otherwise_is_this_installations() {
        let domain = |name: &str| Fingerprint::domain(name).unwrap();
        let earlier = domain("Bücher.example").as_before().unwrap();
        assert_eq!(earlier.value(), "bücher.example", "what earlier versions sent and hashed");
        let left = Record::new(settings(earlier.clone()).identity());
        let left = Record { lease: Some("its lease".to_owned()), ..left }.bytes();

        let mut now = settings(domain("Bücher.example"));
        assert_eq!(now.fingerprint.value(), "xn--bcher-kva.example");
        let restored = Record::restore(Some(&left), &mut now);
        assert_eq!(restored.lease.as_deref(), Some("its lease"));
        assert_eq!(now.fingerprint, earlier, "its lease names the installation so");
        assert_eq!(restored.identity, now.identity());

        let mut other = settings(domain("other.example"));
        assert_eq!(Record::restore(Some(&left), &mut other).lease, None);
        assert_eq!(other.fingerprint.value(), "other.example");
        let mut fresh = settings(domain("Bücher.example"));
        assert_eq!(Record::restore(None, &mut fresh).identity, fresh.identity());
        assert_eq!(fresh.fingerprint.value(), "xn--bcher-kva.example");
    }
}
