//! What the authority says of the license between two heartbeats, by whatever way it comes. A refusal counts where it
//! is signed. All else is a hint, which nobody has signed: it does no more than bring a heartbeat.

use std::time::Duration;

use kaching_base::Timestamp;
use serde::Deserialize;

use super::{Engine, Request, hearing::Way};
use crate::{clock::Reading, random::Draw};

/// The longest time over which an authority spreads the heartbeats after a change.
const SPREAD: Duration = Duration::from_secs(60);

/// An event of a stream, or the answer to a question.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    /// The license's present revision; none in a ping.
    pub(super) rev: Option<u64>,
    epoch: Option<u64>,
    refusal: Option<String>,
    within_ms: Option<u64>,
    /// The moment of the change.
    at: Option<Timestamp>,
    /// The authority's clock.
    pub(super) now: Option<Timestamp>,
    /// In the last event of a stream: why the authority ends it.
    pub(super) ends: Option<String>,
}

/// A change of which no lease tells yet.
#[derive(Clone, Debug)]
pub(super) struct Hint {
    epoch: u64,
    rev: u64,
    came: Duration,
    /// The heartbeat that it asks for.
    due: Duration,
    at: Option<Timestamp>,
}

impl Engine {
    /// The answer to a question.
    pub(super) fn changes_came(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(told) = self.read::<Told>(request, body, now, draw) else { return };
        let Some(rev) = told.rev else {
            return self.unanswered(request, "its answer cannot be read".to_owned(), None, now, draw);
        };
        if let (Some(clock), Some(said)) = (&mut self.their_clock, told.now) {
            clock.again(said, now.boot);
        }
        let waited = self.pace.hearing.waits();
        self.pace.hearing.question_answered(now.boot);
        let news = self.told(&told, rev, now, draw);
        self.pace.hearing.due = if self.pace.hearing.way() == Way::Stream {
            now.boot
        } else if !waited {
            let (low, high) = self.settings.timing.poll;
            now.boot + draw.between(low, high)
        } else if news {
            now.boot
        } else {
            now.boot.max(request.sent + self.settings.timing.pause)
        };
    }

    /// Acts on what is told of this revision; whether it was news.
    pub(super) fn told(&mut self, told: &Told, rev: u64, now: Reading, draw: &Draw) -> bool {
        let stopped = told.refusal.as_ref().is_some_and(|refusal| self.pushed(refusal, now));
        if stopped {
            self.enacted = told.at;
        }
        let (known_epoch, known_rev) = self.known();
        let epoch = told.epoch.unwrap_or(known_epoch);
        let hints = (epoch, rev) > (known_epoch, known_rev);
        if hints {
            if epoch > known_epoch {
                // The authority was restored: its keyset says so too, and before the next yes it has to.
                self.pace.keyset.wanted = true;
            }
            (self.seen_epoch, self.seen_rev) = (epoch, rev);
            let within = Duration::from_millis(told.within_ms.unwrap_or(0)).min(SPREAD);
            let due = now.boot + draw.between(Duration::ZERO, within);
            self.pace.heartbeat = self.pace.heartbeat.min(due);
            self.hint = Some(Hint { epoch, rev, came: now.boot, due, at: told.at });
        }
        hints || stopped
    }

    /// Epoch and revision that are known, signed or not.
    pub(super) fn known(&self) -> (u64, u64) {
        (self.record.epoch, self.record.rev).max((self.seen_epoch, self.seen_rev))
    }

    /// A statement came that was asked for at this time: the hint that it answers is done with. One that came
    /// meanwhile, and of which the statement does not tell, still stands.
    pub(super) fn answers_hint(&mut self, asked: Duration, epoch: u64, rev: Option<u64>) {
        let Some(hint) = self.hint.take() else { return };
        if rev.is_some_and(|rev| (epoch, rev) >= (hint.epoch, hint.rev)) {
            self.enacted = hint.at;
        } else if hint.came >= asked {
            (self.seen_epoch, self.seen_rev) = (hint.epoch, hint.rev);
            self.pace.heartbeat = self.pace.heartbeat.min(hint.due);
            self.hint = Some(hint);
        }
    }

    /// The change whose consequences are in force since the last time this was asked.
    pub(crate) fn enacted(&mut self) -> Option<Timestamp> {
        self.enacted.take()
    }

    /// A change of that moment is acted upon: the next heartbeat tells how long that took.
    pub(crate) fn acted(&mut self, change: Timestamp, boot: Duration) {
        if let Some(clock) = self.their_clock.as_ref().filter(|_| self.tells_heard) {
            self.heard_ms = Some(clock.since(change, boot));
        }
    }
}
