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

    /// The next keyset is wanted, at the usual distance from the last fetch.
    pub(super) fn want(&mut self) {
        self.fetch.want();
    }

    /// The next keyset is wanted immediately.
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
