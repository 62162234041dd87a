//! The credential: which heartbeats are new, which are repeats, and what only a second holder could have sent.

#[cfg(test)]
mod tests;

use kaching_base::{CopyPolicy, Seconds, Timestamp};

use crate::Nonce;

/// The state of an activation's present credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialState {
    /// Raised by each new activation of the fingerprint; no installation holds the credential of generation 0.
    pub generation: i64,
    /// The nonce of the activation that made it; `None` if an operator's move made it.
    pub made_by: Option<Nonce>,
    /// The number of the last heartbeat that was answered; 0 before the first.
    pub number: i64,
    /// The nonce of that heartbeat.
    pub nonce: Option<Nonce>,
}

/// A credential that a later generation displaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Displaced {
    pub generation: i64,
    /// The highest number that it was seen to use.
    pub number: i64,
    /// The time at which it was displaced.
    pub at: Timestamp,
}

/// The evidence for two holders of one credential.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Suspicion {
    /// The last time at which a displaced credential did something new.
    pub displaced_use_at: Option<Timestamp>,
    /// The last time at which two holders were seen.
    pub sighted_at: Option<Timestamp>,
    /// Both are refused until an operator decides.
    pub copy_suspected: bool,
}

/// The credential of a heartbeat whose mac is good.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub generation: i64,
    pub number: i64,
    pub nonce: &'a Nonce,
}

/// The meaning of a heartbeat by its number and nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next one.
    Advances,
    /// The last one again: the answer was lost.
    Repeats,
    /// Neither: it changes nothing, and the client activates again.
    Fails,
}

/// The credential data in a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    pub verdict: Verdict,
    /// Two holders were seen.
    pub sighting: bool,
    /// As it is to be remembered.
    pub suspicion: Suspicion,
    /// The displaced generation as it is to be remembered, where this use of it was new.
    pub displaced: Option<Displaced>,
}

/// The time for which requests of a displaced credential may still be under way.
const UNDER_WAY: Seconds = Seconds(60);
/// Within this time the second occurrence counts.
const WATCHED: Seconds = Seconds::days(1);

impl CredentialState {
    /// Judges a heartbeat. `displaced` is what is known of the shown generation, where that is an old one.
    pub fn present(
        &self,
        suspicion: &Suspicion,
        shown: Shown<'_>,
        displaced: Option<&Displaced>,
        copies: CopyPolicy,
        now: Timestamp,
    ) -> Presented {
        let mut presented = Presented {
            verdict: Verdict::Fails,
            sighting: false,
            suspicion: suspicion.clone(),
            displaced: None,
        };
        if shown.generation == self.generation {
            presented.verdict = self.judge(shown);
            presented.sighting = presented.verdict == Verdict::Fails && self.is_taken(shown);
        } else if let Some(old) = displaced.filter(|old| old.is_used_again(shown, now)) {
            presented.displaced = Some(Displaced { number: shown.number, ..old.clone() });
            presented.sighting = within(suspicion.displaced_use_at, now);
            presented.suspicion.displaced_use_at = Some(now);
        }
        presented.sighting &= copies != CopyPolicy::Allow;
        if presented.sighting {
            presented.suspicion.copy_suspected |=
                copies == CopyPolicy::Refuse && within(suspicion.sighted_at, now);
            presented.suspicion.sighted_at = Some(now);
        }
        presented
    }

    fn judge(&self, shown: Shown<'_>) -> Verdict {
        if shown.number == self.number + 1 {
            Verdict::Advances
        } else if shown.number == self.number && self.nonce.as_ref() == Some(shown.nonce) {
            Verdict::Repeats
        } else {
            Verdict::Fails
        }
    }

    /// The last number with another nonce: a single holder draws one nonce for each number, and keeps it.
    fn is_taken(&self, shown: Shown<'_>) -> bool {
        shown.number == self.number && self.nonce.is_some()
    }

    /// The credential after this one, and what is remembered of this one.
    pub fn succeed(&self, made_by: Option<Nonce>, now: Timestamp) -> (Self, Displaced) {
        let next = Self { generation: self.generation + 1, made_by, number: 0, nonce: None };
        (next, Displaced { generation: self.generation, number: self.number, at: now })
    }

    /// The first credential of a fingerprint.
    pub fn first(made_by: Option<Nonce>) -> Self {
        let generation = i64::from(made_by.is_some());
        Self { generation, made_by, number: 0, nonce: None }
    }
}

impl Displaced {
    fn is_used_again(&self, shown: Shown<'_>, now: Timestamp) -> bool {
        shown.generation == self.generation && shown.number > self.number && now > self.at + UNDER_WAY
    }
}

impl Suspicion {
    /// Whether both holders are refused.
    pub fn refuses(&self, copies: CopyPolicy) -> bool {
        self.copy_suspected && copies == CopyPolicy::Refuse
    }
}

fn within(earlier: Option<Timestamp>, now: Timestamp) -> bool {
    earlier.is_some_and(|at| now <= at + WATCHED)
}
