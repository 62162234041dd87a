use std::time::{Duration, Instant};

use super::{Clock, now};

/// What came of it.
#[derive(Default)]
pub(in super::super) struct Measured {
    /// How long each answer took that counts, in microseconds; sorted.
    pub(in super::super) micros: Vec<u32>,
    /// Answers that came in the time that counts.
    pub(in super::super) in_time: u64,
    /// All of them, those that ran it warm included.
    pub(in super::super) answered: u64,
    pub(in super::super) seconds: f64,
    /// Requests that were sent away (429, 503), to be sent again.
    pub(in super::super) shed: u64,
    pub(in super::super) errors: u64,
    /// What was wrong first.
    pub(in super::super) error: Option<String>,
}

impl Measured {
    /// Answers in a second.
    pub(in super::super) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "so many answers never come")]
        let count = self.in_time as f64;
        if self.seconds > 0.0 { count / self.seconds } else { 0.0 }
    }

    /// The milliseconds within which this many of a thousand answers came.
    pub(in super::super) fn within(&self, of_thousand: usize) -> f64 {
        let at = (self.micros.len() * of_thousand).div_ceil(1000).saturating_sub(1);
        self.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    pub(in super::super) fn wrong(&mut self, what: String) {
        self.errors += 1;
        self.error.get_or_insert(what);
    }

    /// Something took so long.
    pub(in super::super) fn took(&mut self, time: Duration) {
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// An answer was right; in an open loop it counts by when it should have been asked for, else by when it came.
    pub(super) fn right(&mut self, clock: Clock, meant: Instant, open: bool) {
        let came = now();
        self.answered += 1;
        self.in_time += u64::from(clock.counts(came));
        if clock.counts(if open { meant } else { came }) {
            self.micros.push(micros(meant, came));
        }
    }

    pub(super) fn shed(&mut self, clock: Clock, meant: Instant) {
        self.answered += 1;
        self.shed += u64::from(clock.counts(meant));
    }

    /// It took at least so long.
    pub(super) fn unanswered(&mut self, clock: Clock, meant: Instant) {
        if clock.counts(meant) {
            self.micros.push(micros(meant, now()));
            self.wrong("the load was too much: an answer did not come in time".to_owned());
        }
    }

    pub(super) fn take(&mut self, mut other: Self) {
        self.micros.append(&mut other.micros);
        self.in_time += other.in_time;
        self.answered += other.answered;
        self.shed += other.shed;
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
    }
}

fn micros(from: Instant, to: Instant) -> u32 {
    u32::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u32::MAX)
}
