use std::time::Duration;

use super::hearing::Hearing;
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
    /// The next report.
    pub(crate) report: Duration,
    pub(crate) hearing: Hearing,
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

impl Pace {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            heartbeat: now,
            quiet: now,
            failures: 0,
            keyset: Asked { wanted: true, ..Asked::default() },
            activation: Asked::default(),
            catalogue: Asked::default(),
            report: now,
            hearing: Hearing::new(now),
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
        self.failures += 1;
        // Those that lose the authority in the same moment do not come back in the same one.
        let bound = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.quiet = now + draw.between(first, bound.max(first)).max(retry_after.unwrap_or_default());
    }
}
