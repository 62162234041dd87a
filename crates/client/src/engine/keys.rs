//! The authority's public keys: the newest keyset that a pinned root has signed, and when the next one is fetched.

use std::time::Duration;

use kaching_base::Timestamp;
use kaching_license::{Invalid, Keyset, Moment, RootKey, TrustedKeyset};
use serde::{Deserialize, Serialize};

use super::{schedule::FetchSchedule, stored::Stored};

/// The keyset as it is written to disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeysRecord {
    /// The newest keyset that was verified, as it was signed.
    pub(crate) keyset: Option<String>,
}

/// The keys that statements are verified with.
pub(super) struct Keys {
    stored: Stored<KeysRecord>,
    trusted: Option<TrustedKeyset>,
    fetch: FetchSchedule,
}

impl Keys {
    /// No keys yet, and a keyset to be fetched.
    pub(super) fn new() -> Self {
        let mut fetch = FetchSchedule::default();
        fetch.want();
        Self { stored: Stored::default(), trusted: None, fetch }
    }

    /// Verifies the keyset of a record. One that does not verify is ignored.
    pub(super) fn load(&mut self, record: KeysRecord, roots: &[RootKey]) {
        let text = record.keyset.as_deref();
        self.trusted = text.and_then(|text| TrustedKeyset::verify(text, roots, None, Moment::Inspect).ok());
        self.stored = Stored::new(record);
    }

    pub(super) fn stored(&self) -> &Stored<KeysRecord> {
        &self.stored
    }

    pub(super) fn written(&mut self) {
        self.stored.written();
    }

    pub(super) fn trusted(&self) -> Option<&TrustedKeyset> {
        self.trusted.as_ref()
    }

    fn keyset(&self) -> Option<&Keyset> {
        self.trusted.as_ref().map(TrustedKeyset::keyset)
    }

    pub(super) fn issued_at(&self) -> Option<Timestamp> {
        self.keyset().map(|keyset| keyset.iat)
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        self.keyset().map(|keyset| keyset.exp)
    }

    /// Accepts the first keyset that a pinned root has signed, and returns when it was issued.
    ///
    /// `time` is the trusted time, where one is set. Before any contact the clock may be wrong, and in a later epoch the
    /// authority's time may have gone back: then the keyset's end bounds the time of the statements that it verifies.
    pub(super) fn accept<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str>,
        roots: &[RootKey],
        time: Option<Timestamp>,
    ) -> Result<Timestamp, Invalid> {
        let held = self.keyset().map(|held| held.version);
        let epoch = self.keyset().map(|held| held.epoch);
        let judged_at = |keyset: &Keyset| time.filter(|_| epoch.is_none_or(|epoch| keyset.epoch <= epoch));
        let mut reason = Invalid::UnknownRoot;
        for text in texts {
            match TrustedKeyset::verify(text, roots, held, Moment::Inspect) {
                Ok(keyset) if judged_at(keyset.keyset()).is_some_and(|time| time >= keyset.keyset().exp) => {
                    reason = Invalid::KeysetExpired;
                }
                Ok(keyset) => {
                    if held != Some(keyset.keyset().version) {
                        self.stored.edit().keyset = Some(text.to_owned());
                    }
                    let issued_at = keyset.keyset().iat;
                    self.trusted = Some(keyset);
                    return Ok(issued_at);
                }
                Err(Invalid::UnknownRoot) => {}
                Err(invalid) => reason = invalid,
            }
        }
        Err(reason)
    }

    /// Asks for the next keyset, at the usual interval after the last fetch.
    pub(super) fn want(&mut self) {
        self.fetch.want();
    }

    /// Asks for the next keyset immediately.
    pub(super) fn want_now(&mut self) {
        self.fetch.want_now();
    }

    /// Lets the next fetch follow without a wait.
    pub(super) fn retry_now(&mut self) {
        self.fetch.reset();
    }

    pub(super) fn due(&self, apart: Duration) -> Option<Duration> {
        self.fetch.due(apart)
    }

    pub(super) fn fetch_sent(&mut self, now: Duration) {
        self.fetch.sent(now);
    }

    pub(super) fn fetched(&mut self) {
        self.fetch.done();
    }
}

#[cfg(test)]
mod tests {
    use kaching_base::{Seconds, Secret};
    use kaching_license::{Ed25519Signer, Jwk, KeyPurpose, PublicKey, encode};

    use super::*;

    fn signer(seed: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&Secret::new([seed; 32])).unwrap()
    }

    fn root(seed: u8) -> RootKey {
        let signer = signer(seed);
        let PublicKey::Ed25519(bytes) = signer.public_key() else { unreachable!() };
        RootKey::from_bytes(*bytes).unwrap()
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000) + Seconds::days(day)
    }

    /// A keyset of day 10 that ends on day 40.
    fn keyset(root: u8, version: u64) -> String {
        let key = Jwk {
            public: signer(9).public_key().clone(),
            purpose: KeyPurpose::Lease,
            nbf: at(9),
            exp: at(100),
        };
        let (iss, iat, exp) = ("https://licenses.example.com".to_owned(), at(10), at(40));
        encode(&Keyset { iss, version, epoch: 1, iat, exp, keys: vec![key] }, &signer(root)).unwrap()
    }

    #[test]
    fn only_a_pinned_root_is_trusted_and_no_older_keyset() {
        let (mut keys, roots) = (Keys::new(), [root(1)]);
        let mut accept = |text: &str| keys.accept(std::iter::once(text), &roots, None);
        assert_eq!(accept(&keyset(2, 1)), Err(Invalid::UnknownRoot));
        assert_eq!(accept(&keyset(1, 2)), Ok(at(10)));
        assert!(accept(&keyset(1, 1)).is_err(), "it is older than the one that is held");
        let texts = [keyset(2, 3), keyset(1, 3)];
        assert_eq!(keys.accept(texts.iter().map(String::as_str), &roots, None), Ok(at(10)));
        assert!(keys.stored().is_changed());
        assert_eq!((keys.stored().keyset.as_ref(), keys.ends_at()), (Some(&texts[1]), Some(at(40))));
        let mut again = Keys::new();
        again.load(KeysRecord::clone(keys.stored()), &roots);
        assert_eq!(again.issued_at(), Some(at(10)));
        again.load(KeysRecord::clone(keys.stored()), &[root(2)]);
        assert!(again.trusted().is_none(), "another root is pinned now");
    }

    #[test]
    fn a_keyset_ends_by_trusted_time_alone() {
        let (mut keys, roots) = (Keys::new(), [root(1)]);
        let text = keyset(1, 1);
        let mut accept = |time| keys.accept(std::iter::once(text.as_str()), &roots, time);
        assert_eq!(accept(Some(at(40))), Err(Invalid::KeysetExpired));
        assert_eq!(accept(Some(at(39))), Ok(at(10)));
        assert_eq!(accept(None), Ok(at(10)), "the clock may be wrong before any contact");
    }
}
