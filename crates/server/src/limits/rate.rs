/// A burst of calls, and then one after each interval: the generic cell rate algorithm (ITU-T I.371), which needs one
/// number for each bucket: the moment at which it is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    burst: i64,
    /// The microseconds in which one call is restored.
    interval: i64,
}

/// The rest of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) remaining: i64,
    /// Microseconds until one call is allowed, if none is left.
    pub(crate) wait: i64,
}

impl Rate {
    /// `None` if `rate` is 0: then there is no limit.
    pub(crate) fn per_second(rate: u32, burst: u64) -> Option<Self> {
        Self::of(rate, 1_000_000, burst)
    }

    /// `None` if `rate` is 0: then there is no limit.
    pub(crate) fn per_minute(rate: u32, burst: u64) -> Option<Self> {
        Self::of(rate, 60_000_000, burst)
    }

    /// `None` if `rate` is 0: then there is no limit.
    pub(crate) fn per_hour(rate: u32, burst: u64) -> Option<Self> {
        Self::of(rate, 3_600_000_000, burst)
    }

    fn of(rate: u32, micros: i64, burst: u64) -> Option<Self> {
        // A burst is no larger than what a century brings back, so that no sum of times overflows.
        let burst = i64::try_from(burst).unwrap_or(i64::MAX).clamp(1, 1_000_000_000);
        (rate > 0).then(|| Self { burst, interval: (micros / i64::from(rate)).max(1) })
    }

    pub(crate) fn burst(self) -> i64 {
        self.burst
    }

    /// Microseconds after which an empty bucket is full.
    pub(crate) fn full_after(self) -> i64 {
        self.burst * self.interval
    }

    /// Returns the debt at `now` of a bucket that is full again at `full_at`. If the clock
    /// was set back, that may be far away; the debt is never more than the whole bucket.
    fn owed(self, full_at: Option<i64>, now: i64) -> i64 {
        full_at.map_or(0, |at| at.saturating_sub(now).clamp(0, self.full_after()))
    }

    pub(crate) fn left(self, full_at: Option<i64>, now: i64) -> Left {
        let free = self.full_after() - self.owed(full_at, now);
        let remaining = free / self.interval;
        Left { remaining, wait: if remaining > 0 { 0 } else { self.interval - free } }
    }

    /// Takes one call. Returns when the bucket is full again, or an error if it is empty.
    pub(crate) fn take(self, full_at: Option<i64>, now: i64) -> Option<i64> {
        let owed = self.owed(full_at, now) + self.interval;
        (owed <= self.full_after()).then_some(now + owed)
    }

    /// Takes one, or what there is of one.
    pub(crate) fn drain(self, full_at: Option<i64>, now: i64) -> i64 {
        now + (self.owed(full_at, now) + self.interval).min(self.full_after())
    }

    /// Puts one back.
    pub(crate) fn give_back(self, full_at: Option<i64>, now: i64) -> i64 {
        now + (self.owed(full_at, now) - self.interval).max(0)
    }
}
