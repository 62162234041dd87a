//! This installation's activation: its credential, the number and nonce of its next heartbeat, and when the next
//! activation is due.

use std::time::Duration;

use kaching_api::SecretText;
use kaching_base::{ActivationId, Timestamp};
use kaching_license::Credential;
use serde::{Deserialize, Serialize};

use super::{schedule::FetchSchedule, stored::Stored};

/// The activation as it is written to disk.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct ActivationRecord {
    credential: Option<SecretText>,
    /// Repeated until it is answered.
    #[serde(rename = "beat")]
    next: Option<NextHeartbeat>,
    /// The nonce of an activation that was not answered yet.
    activating: Option<String>,
    /// When the credential was last found displaced, newest last, two at most.
    #[serde(default)]
    displaced: Vec<Timestamp>,
}

/// Number and nonce of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NextHeartbeat {
    pub(super) number: u64,
    pub(super) nonce: String,
    /// Drawn in this run of the process, and not sent yet.
    #[serde(skip)]
    pub(super) unsent: bool,
}

/// The nonce of an activation, and whether it may have been sent before.
pub(super) struct ActivationNonce {
    pub(super) nonce: String,
    pub(super) again: bool,
}

/// The activation that this process renews.
#[derive(Default)]
pub(super) struct Activation {
    stored: Stored<ActivationRecord>,
    credential: Option<Credential>,
    /// Number and nonce as they are on disk; they are sent again where writing fails.
    durable: Option<NextHeartbeat>,
    schedule: FetchSchedule,
}

impl Activation {
    pub(super) fn load(&mut self, record: ActivationRecord) {
        let credential = record.credential.as_ref().filter(|_| record.next.is_some());
        self.credential = credential.and_then(|text| Credential::parse(text.expose()).ok());
        self.durable.clone_from(&record.next);
        self.stored = Stored::new(record);
    }

    pub(super) fn stored(&self) -> &Stored<ActivationRecord> {
        &self.stored
    }

    pub(super) fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    pub(super) fn id(&self) -> Option<ActivationId> {
        self.credential.as_ref().map(|credential| credential.activation)
    }

    /// Begins with a new credential; its first heartbeat has this nonce.
    pub(super) fn begin(&mut self, credential: Credential, text: &SecretText, nonce: String) {
        self.credential = Some(credential);
        let record = self.stored.edit();
        record.credential = Some(SecretText::new(text.expose().to_owned()));
        record.next = Some(NextHeartbeat { number: 1, nonce, unsent: true });
        record.activating = None;
        self.durable = None;
        self.schedule.done();
    }

    /// Forgets the credential: the slot was given back.
    pub(super) fn forget_credential(&mut self) {
        (self.credential, self.durable) = (None, None);
        let record = self.stored.edit();
        (record.credential, record.next) = (None, None);
    }

    /// Forgets everything about the license that was activated before.
    pub(super) fn forget_license(&mut self) {
        self.forget_credential();
        *self.stored.edit() = ActivationRecord::default();
    }

    /// Returns the heartbeat to send, which counts as sent from now on.
    pub(super) fn send_heartbeat(&mut self) -> Option<NextHeartbeat> {
        let next = self.stored.edit_unwritten().next.as_mut()?;
        let sent = next.clone();
        next.unsent = false;
        Some(sent)
    }

    /// Notes an answered heartbeat: the next one has the next number, and a nonce that is stored in the same write.
    pub(super) fn heartbeat_answered(&mut self, nonce: String) {
        if let Some(next) = &mut self.stored.edit().next {
            *next = NextHeartbeat { number: next.number + 1, nonce, unsent: true };
        }
    }

    /// Returns the nonce of the activation to send: that of the last one as long as it was not answered.
    pub(super) fn activation_nonce(&mut self, fresh: impl FnOnce() -> String) -> ActivationNonce {
        if let Some(nonce) = &self.stored.activating {
            return ActivationNonce { nonce: nonce.clone(), again: true };
        }
        let nonce = fresh();
        self.stored.edit().activating = Some(nonce.clone());
        ActivationNonce { nonce, again: false }
    }

    /// Notes that the activation was answered without a lease: the next attempt is a new request.
    pub(super) fn drop_nonce(&mut self) {
        self.stored.edit().activating = None;
    }

    /// Notes that the credential was displaced although it never left this process. Once may be a restore from a backup.
    pub(super) fn note_displaced(&mut self, at: Timestamp) {
        let displaced = &mut self.stored.edit().displaced;
        displaced.push(at);
        if displaced.len() > 2 {
            displaced.remove(0);
        }
    }

    pub(super) fn displaced(&self) -> &[Timestamp] {
        &self.stored.displaced
    }

    /// Notes whether the state is on disk now. Where it is not, the last heartbeat that is there is repeated.
    pub(super) fn written(&mut self, done: bool) {
        match &self.durable {
            Some(durable) if !done => {
                let durable = NextHeartbeat { unsent: false, ..durable.clone() };
                self.stored.edit_unwritten().next = Some(durable);
            }
            _ => self.durable.clone_from(&self.stored.next),
        }
        if done {
            self.stored.written();
        }
    }

    /// Whether a new activation has to come before anything else is sent with the credential.
    pub(super) fn is_wanted(&self) -> bool {
        self.schedule.is_wanted()
    }

    pub(super) fn want(&mut self, wanted: bool) {
        if wanted { self.schedule.want() } else { self.schedule.done() }
    }

    pub(super) fn want_now(&mut self) {
        self.schedule.want_now();
    }

    /// Lets the next activation follow without a wait.
    pub(super) fn retry_now(&mut self) {
        self.schedule.reset();
    }

    pub(super) fn due(&self, apart: Duration) -> Option<Duration> {
        self.schedule.due(apart)
    }

    pub(super) fn sent(&mut self, now: Duration) {
        self.schedule.sent(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_heartbeat(number: u64) -> Activation {
        let next = Some(NextHeartbeat { number, nonce: format!("nonce {number}"), unsent: false });
        let mut activation = Activation::default();
        activation.load(ActivationRecord { next, ..ActivationRecord::default() });
        activation
    }

    #[test]
    fn a_heartbeat_repeats_its_number_and_nonce_until_it_is_answered() {
        let mut activation = with_heartbeat(7);
        for _ in 0..2 {
            let sent = activation.send_heartbeat().unwrap();
            assert_eq!((sent.number, sent.nonce.as_str(), sent.unsent), (7, "nonce 7", false));
            assert!(!activation.stored().is_changed(), "sending writes nothing");
        }
        activation.heartbeat_answered("fresh".to_owned());
        assert!(activation.stored().is_changed());
        let first = activation.send_heartbeat().unwrap();
        assert_eq!((first.number, first.nonce.as_str(), first.unsent), (8, "fresh", true));
        assert!(!activation.send_heartbeat().unwrap().unsent);
    }

    #[test]
    fn a_number_that_cannot_be_written_is_not_sent() {
        let mut activation = with_heartbeat(7);
        activation.heartbeat_answered("fresh".to_owned());
        activation.written(false);
        assert_eq!(activation.send_heartbeat().unwrap().number, 7);
        activation.heartbeat_answered("fresh".to_owned());
        activation.written(true);
        assert_eq!(activation.send_heartbeat().unwrap().number, 8);
        assert!(!activation.stored().is_changed());
    }

    #[test]
    fn an_activation_keeps_its_nonce_until_it_is_answered() {
        let mut activation = Activation::default();
        let mut draw = |nonce: &str| {
            let drawn = activation.activation_nonce(|| nonce.to_owned());
            (drawn.nonce, drawn.again)
        };
        assert_eq!(draw("one"), ("one".to_owned(), false));
        assert_eq!(draw("two"), ("one".to_owned(), true));
        activation.drop_nonce();
        assert_eq!(activation.activation_nonce(|| "three".to_owned()).nonce, "three");
    }

    #[test]
    fn the_last_two_displacements_are_remembered() {
        let mut activation = Activation::default();
        for second in 1..=3 {
            activation.note_displaced(Timestamp::from_seconds(second));
        }
        assert_eq!(activation.displaced(), [2, 3].map(Timestamp::from_seconds));
    }
}
