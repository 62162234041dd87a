use std::{hash::Hash, sync::Mutex};

use super::{
    rate::{Left, Rate},
    recent::Recent,
};

/// When each bucket is full again; a bucket that is not here is full.
pub(crate) struct Buckets<K> {
    /// Locked for the time of one look-up.
    full_at: Mutex<Recent<K, i64>>,
}

impl<K: Hash + Eq> Buckets<K> {
    /// At most `most` are remembered. `window` is the microseconds after which an unused bucket is full;
    /// without one they are kept until there are too many.
    pub(crate) fn new(most: usize, window: Option<i64>) -> Self {
        Self { full_at: Mutex::new(Recent::new(most, window)) }
    }

    /// Returns the rest of the allowance of a key at this rate.
    pub(crate) fn left(&self, key: &K, rate: Rate, now: i64) -> Left {
        rate.left(self.lock().get(key), now)
    }

    /// Takes one.
    ///
    /// # Errors
    /// With what it holds, where it is empty.
    pub(crate) fn take(&self, key: K, rate: Rate, now: i64) -> Result<Left, Left> {
        let mut full_at = self.lock();
        let before = full_at.get(&key);
        let Some(after) = rate.take(before, now) else {
            let empty = rate.left(before, now);
            if before.is_some_and(|at| at > now.saturating_add(rate.full_after())) {
                // Of a time before the clock was set back: from now on it fills again.
                full_at.put(key, now + rate.full_after(), now);
            }
            return Err(empty);
        };
        full_at.put(key, after, now);
        Ok(rate.left(Some(after), now))
    }

    /// Takes one, or what there is of one.
    pub(crate) fn drain(&self, key: K, rate: Rate, now: i64) -> Left {
        let mut full_at = self.lock();
        let after = rate.drain(full_at.get(&key), now);
        full_at.put(key, after, now);
        rate.left(Some(after), now)
    }

    /// Puts one back.
    pub(crate) fn give_back(&self, key: K, rate: Rate, now: i64) {
        let mut full_at = self.lock();
        let after = rate.give_back(full_at.get(&key), now);
        full_at.put(key, after, now);
    }

    /// Drops full buckets.
    pub(crate) fn sweep(&self, now: i64) {
        self.lock().turn(now);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent<K, i64>> {
        self.full_at.lock().expect("nothing panics while it is held")
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn rate(per_second: u32, burst: u64) -> Rate {
        Rate::per_second(per_second, burst).unwrap()
    }

    #[test]
    fn a_burst_and_then_one_after_each_interval() {
        let (buckets, rate) = (Buckets::new(100, Some(10 * SECOND)), rate(1, 10));
        for left in (0..10).rev() {
            assert_eq!(buckets.take(1, rate, 0).unwrap().remaining, left);
        }
        assert_eq!(buckets.take(1, rate, 0), Err(Left { remaining: 0, wait: SECOND }));
        assert_eq!(buckets.take(1, rate, SECOND / 4), Err(Left { remaining: 0, wait: SECOND / 4 * 3 }));
        assert!(buckets.take(2, rate, 0).is_ok(), "another one has its own");
        assert!(buckets.take(1, rate, SECOND).is_ok());
        assert!(buckets.take(1, rate, SECOND).is_err());
        assert_eq!(buckets.left(&1, rate, 100 * SECOND).remaining, 10);
    }

    #[test]
    fn unused_tokens_of_a_bucket_are_put_back() {
        let (buckets, rate) = (Buckets::new(100, None), rate(1, 2));
        buckets.take(1, rate, 0).unwrap();
        buckets.take(1, rate, 0).unwrap();
        buckets.give_back(1, rate, 0);
        assert_eq!(buckets.left(&1, rate, 0).remaining, 1);
        for _ in 0..3 {
            buckets.give_back(1, rate, 0);
        }
        assert_eq!(buckets.left(&1, rate, 0).remaining, 2, "never more than all");
    }

    #[test]
    fn a_clock_set_back_costs_one_burst_at_most() {
        let (buckets, rate) = (Buckets::new(100, Some(10 * SECOND)), rate(1, 10));
        buckets.take(1, rate, 1_000_000 * SECOND).unwrap();
        assert_eq!(buckets.take(1, rate, 0), Err(Left { remaining: 0, wait: SECOND }));
        assert!(buckets.take(1, rate, SECOND).is_ok());
    }

    #[test]
    fn many_strangers_take_no_more_memory_than_is_allowed() {
        let (buckets, rate) = (Buckets::new(100, None), rate(1, 10));
        for key in 0..10_000 {
            buckets.take(key, rate, 0).unwrap();
            assert!(buckets.len() <= 100);
        }
        assert_eq!(buckets.left(&9_999, rate, 0).remaining, 9, "those touched last are remembered");
    }

    #[test]
    fn idle_buckets_are_removed() {
        let (buckets, rate) = (Buckets::new(100, Some(10 * SECOND)), rate(1, 10));
        buckets.take(1, rate, 0).unwrap();
        buckets.sweep(10 * SECOND);
        buckets.sweep(20 * SECOND);
        assert_eq!(buckets.len(), 0);
    }

    proptest! {
        /// As long as there is room, the generations are the same as a memory of everything.
        #[test]
        fn nothing_that_counts_is_forgotten(
            steps in prop::collection::vec((0..4u8, 0..3u8, 0..4_000_000i64), 1..200),
            per_second in 1..5u32,
            burst in 1..12u64,
        ) {
            let rate = rate(per_second, burst);
            let (buckets, mut all, mut now) = (Buckets::new(1000, Some(rate.full_after())), HashMap::new(), 0);
            for (key, what, later) in steps {
                now += later;
                let before = all.get(&key).copied();
                match what {
                    0 => {
                        let taken = rate.take(before, now);
                        prop_assert_eq!(buckets.take(key, rate, now).is_ok(), taken.is_some());
                        all.extend(taken.map(|at| (key, at)));
                    }
                    1 => {
                        all.insert(key, rate.drain(before, now));
                        buckets.drain(key, rate, now);
                    }
                    _ => {
                        all.insert(key, rate.give_back(before, now));
                        buckets.give_back(key, rate, now);
                    }
                }
                prop_assert_eq!(buckets.left(&key, rate, now), rate.left(all.get(&key).copied(), now));
            }
        }

        /// In no span of time are there more calls than the burst and the refill within it.
        #[test]
        fn no_more_than_the_burst_and_the_refill(
            steps in prop::collection::vec(0..2_000_000i64, 1..100),
            per_second in 1..5u32,
            burst in 1..12u64,
        ) {
            let (rate, mut full_at, mut now, mut granted) = (rate(per_second, burst), None, 0, Vec::new());
            for later in steps {
                now += later;
                if let Some(at) = rate.take(full_at, now) {
                    full_at = Some(at);
                    granted.push(now);
                }
            }
            for (first, from) in granted.iter().enumerate() {
                for (last, to) in granted.iter().enumerate().skip(first) {
                    let back = (to - from) / (rate.full_after() / rate.burst());
                    prop_assert!(i64::try_from(last - first + 1).unwrap() <= rate.burst() + back);
                }
            }
        }
    }
}
