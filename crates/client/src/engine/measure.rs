//! How long a change took to get here, by an estimate of the authority's clock. For the authority's statistics alone:
//! nothing is judged by that clock, which nobody signs.

use std::time::Duration;

use kaching_base::Timestamp;

use crate::clock::{after, until};

/// The longest time that is told.
const LONGEST_MS: u64 = 86_400_000;
/// By so much two clocks may drift apart from one ping to the next.
const DRIFT: Duration = Duration::from_millis(1);

/// The authority's clock, as its events show it.
#[derive(Clone, Debug)]
pub(super) struct TheirClock {
    /// What it said at a reading of the boot clock, as if that had come here without delay: it is no earlier.
    said: Timestamp,
    at: Duration,
    /// The longest way from there to here.
    way: Duration,
}

impl TheirClock {
    /// From the first words on a new connection. That has taken two round trips or more since `asked`, so a quarter of
    /// the time is the longest that the last way took.
    pub(super) fn first(said: Timestamp, asked: Duration, now: Duration) -> Self {
        Self { said, at: now, way: now.saturating_sub(asked) / 4 }
    }

    /// From later words: they show how much of the delay so far was none.
    pub(super) fn again(&mut self, said: Timestamp, now: Duration) {
        let expected = after(self.said, now.saturating_sub(self.at));
        // What seemed later than this came faster; what seems earlier may be drift, and else is delay.
        let drifted =
            Timestamp::from_micros(expected.micros() - i64::try_from(DRIFT.as_micros()).unwrap_or(0));
        (self.said, self.at) = (said.max(drifted), now);
    }

    /// How many milliseconds passed there from a moment to this reading of the boot clock, the way included.
    pub(super) fn since(&self, moment: Timestamp, now: Duration) -> u64 {
        let there = after(self.said, now.saturating_sub(self.at).saturating_add(self.way));
        u64::try_from(until(moment, there).as_millis()).map_or(LONGEST_MS, |ms| ms.min(LONGEST_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn there(ms: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + ms * 1000)
    }

    #[test]
    fn it_counts_from_their_moment_to_ours_with_the_longest_way() {
        let clock = TheirClock::first(there(0), ms(1000), ms(1040));
        assert_eq!(clock.since(there(500), ms(1600)), 70);
        assert_eq!(clock.since(there(5000), ms(1600)), 0, "it is never negative");
        assert_eq!(clock.since(Timestamp::from_micros(i64::MIN), ms(1600)), LONGEST_MS);
    }

    #[test]
    fn words_that_came_faster_correct_it_and_slower_ones_do_not() {
        let mut clock = TheirClock::first(there(0), ms(1000), ms(1400));
        assert_eq!(clock.since(there(0), ms(1400)), 100);
        clock.again(there(300), ms(1410));
        assert_eq!(clock.since(there(300), ms(1410)), 100);
        clock.again(there(400), ms(1910));
        assert_eq!(clock.since(there(800), ms(1910)), 99, "400 ms late, and a millisecond may be drift");
    }
}
