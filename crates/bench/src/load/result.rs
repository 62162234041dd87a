use std::time::{Duration, Instant};

use super::{TimeWindow, now};

/// The result of a load.
#[derive(Default)]
pub(crate) struct LoadResult {
    /// The latencies of the answers that count, in microseconds, sorted.
    pub(crate) micros: Vec<u32>,
    /// Answers that arrived in the measured time.
    pub(crate) in_time: u64,
    /// All answers, including those of the warm-up.
    pub(crate) answered: u64,
    pub(crate) seconds: f64,
    /// Requests that were refused with 429 or 503, and sent again.
    pub(crate) shed: u64,
    pub(crate) errors: u64,
    /// The first error.
    pub(crate) error: Option<String>,
}

impl LoadResult {
    /// Returns the answers per second.
    pub(crate) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "there are never that many answers")]
        let count = self.in_time as f64;
        if self.seconds > 0.0 { count / self.seconds } else { 0.0 }
    }

    /// Returns the milliseconds within which this many of a thousand answers arrived.
    pub(crate) fn percentile_ms(&self, of_thousand: usize) -> f64 {
        let at = (self.micros.len() * of_thousand).div_ceil(1000).saturating_sub(1);
        self.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    pub(crate) fn record_error(&mut self, what: String) {
        self.errors += 1;
        self.error.get_or_insert(what);
    }

    /// Adds a latency.
    pub(crate) fn record(&mut self, time: Duration) {
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// Counts a correct answer: in an open loop by the time at which the request was due, else by its arrival.
    pub(super) fn record_answer(&mut self, window: TimeWindow, due: Instant, open: bool) {
        let came = now();
        self.answered += 1;
        self.in_time += u64::from(window.counts(came));
        if window.counts(if open { due } else { came }) {
            self.micros.push(micros(due, came));
        }
    }

    pub(super) fn record_shed(&mut self, window: TimeWindow, due: Instant) {
        self.answered += 1;
        self.shed += u64::from(window.counts(due));
    }

    /// Counts a request that was not sent in time, with the time that has passed.
    pub(super) fn record_unanswered(&mut self, window: TimeWindow, due: Instant) {
        if window.counts(due) {
            self.micros.push(micros(due, now()));
            self.record_error("the load was too much: an answer did not come in time".to_owned());
        }
    }

    pub(super) fn merge(&mut self, mut other: Self) {
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
