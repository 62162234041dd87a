use std::time::Duration;

use crate::{random::Draw, timing::Timing};

/// When the next calls are due, on the boot clock.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) heartbeat: Duration,
    /// Nothing is sent before.
    pub(crate) quiet: Duration,
    failures: u32,
    pub(crate) keyset: Asked,
    pub(crate) activation: Asked,
    pub(crate) catalogue: Asked,
    pub(crate) question: Duration,
    /// Questions that waited in vain, one after the other.
    waits_lost: u32,
    /// Questions without waiting that are left until waiting is tried again.
    polls: u32,
    /// Whether the last question that waited was answered.
    waiting_works: bool,
}

/// Something that is asked for when wanted, and not too often.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) wanted: bool,
    last: Option<Duration>,
    /// Attempts since it was wanted anew.
    tries: u32,
}

impl Asked {
    pub(crate) fn due(&self, apart: Duration) -> Option<Duration> {
        self.wanted.then(|| self.last.map_or(Duration::ZERO, |last| last + apart))
    }

    /// As [`due`](Self::due), but the first attempts follow each other faster: twice the time after each.
    pub(crate) fn due_soon(&self, first: Duration, apart: Duration) -> Option<Duration> {
        let doubled = first.saturating_mul(1 << self.tries.saturating_sub(1).min(16));
        self.due(doubled.min(apart))
    }

    pub(crate) fn ask(&mut self, now: Duration) {
        self.last = Some(now);
        self.tries += 1;
    }

    /// The next one need not wait.
    pub(crate) fn anew(&mut self) {
        self.last = None;
        self.tries = 0;
    }
}

/// So many lost questions one after the other mean that something on the way lets none wait.
const LOST: u32 = 3;
/// So many questions without waiting, about five minutes, before waiting is tried again.
const POLLS: u32 = 12;

impl Pace {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            heartbeat: now,
            quiet: now,
            failures: 0,
            keyset: Asked { wanted: true, ..Asked::default() },
            activation: Asked::default(),
            catalogue: Asked::default(),
            question: now,
            waits_lost: 0,
            polls: 0,
            waiting_works: false,
        }
    }

    /// Contact: no backoff any more.
    pub(crate) fn reached(&mut self, now: Duration) {
        self.failures = 0;
        self.quiet = now;
    }

    /// A failure: the next attempt waits, with full jitter, or as long as the authority asks.
    pub(crate) fn failed(
        &mut self,
        now: Duration,
        timing: &Timing,
        retry_after: Option<Duration>,
        draw: &Draw,
    ) {
        let (first, longest) = timing.backoff;
        let bound = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        self.quiet = now + draw.between(first, bound.max(first)).max(retry_after.unwrap_or_default());
    }

    /// Whether questions wait at the authority.
    pub(crate) fn waits(&self) -> bool {
        self.polls == 0
    }

    /// How long the next question waits at the authority; not as long while nothing shows that waiting works here, so
    /// that what swallows questions hides no change for longer than polling would.
    pub(crate) fn question_waits(&self, timing: &Timing) -> Duration {
        match (self.waits(), self.waiting_works) {
            (true, true) => timing.wait,
            (true, false) => timing.wait.min(timing.poll.0),
            (false, _) => Duration::ZERO,
        }
    }

    pub(crate) fn question_answered(&mut self) {
        self.waiting_works = self.waits();
        self.waits_lost = 0;
        self.polls = self.polls.saturating_sub(1);
    }

    pub(crate) fn question_lost(&mut self) {
        self.waiting_works = false;
        if self.waits() {
            self.waits_lost += 1;
            if self.waits_lost >= LOST {
                self.polls = POLLS;
                self.waits_lost = LOST - 1;
            }
        }
    }
}
