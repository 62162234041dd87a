use std::time::Duration;

/// When something is fetched: once it is wanted, and not too often. Times are those of the boot clock.
#[derive(Debug, Default)]
pub(super) struct FetchSchedule {
    wanted: bool,
    last: Option<Duration>,
    /// Attempts since the last reset.
    attempts: u32,
}

impl FetchSchedule {
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// Wants it, with no wait before the next attempt.
    pub(super) fn want_now(&mut self) {
        self.want();
        self.reset();
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(super) fn done(&mut self) {
        self.wanted = false;
    }

    /// Lets the next attempt follow without a wait.
    pub(super) fn reset(&mut self) {
        (self.last, self.attempts) = (None, 0);
    }

    /// Returns when the next attempt is due, `apart` from the last one; `None` while it is not wanted.
    pub(super) fn due(&self, apart: Duration) -> Option<Duration> {
        self.wanted.then(|| self.last.map_or(Duration::ZERO, |last| last + apart))
    }

    /// As [`due`](Self::due), with a first wait that doubles after each attempt until it is `longest`.
    pub(super) fn due_with_backoff(&self, first: Duration, longest: Duration) -> Option<Duration> {
        let doubled = first.saturating_mul(1 << self.attempts.saturating_sub(1).min(16));
        self.due(doubled.min(longest))
    }

    pub(super) fn sent(&mut self, now: Duration) {
        self.last = Some(now);
        self.attempts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn attempts_keep_their_distance_until_a_reset() {
        let mut schedule = FetchSchedule::default();
        assert_eq!(schedule.due(s(60)), None, "nobody wants it");
        schedule.want();
        assert_eq!(schedule.due(s(60)), Some(Duration::ZERO));
        schedule.sent(s(100));
        assert_eq!(schedule.due(s(60)), Some(s(160)));
        schedule.reset();
        assert_eq!(schedule.due(s(60)), Some(Duration::ZERO));
        schedule.done();
        assert_eq!(schedule.due(s(60)), None);
    }

    #[test]
    fn a_backoff_doubles_up_to_its_longest_wait() {
        let mut schedule = FetchSchedule::default();
        schedule.want();
        let waits = [1, 2, 4, 8, 10, 10].map(s);
        for (attempt, wait) in waits.into_iter().enumerate() {
            schedule.sent(s(1000));
            assert_eq!(schedule.due_with_backoff(s(1), s(10)), Some(s(1000) + wait), "attempt {attempt}");
        }
    }
}
