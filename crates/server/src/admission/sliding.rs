/// Seconds that are looked back at.
pub(super) const SECONDS: u64 = 10;

/// The number of events in the last seconds.
#[derive(Default)]
pub(super) struct Sliding {
    seconds: [u64; SECONDS as usize],
    /// The Unix second of the latest count.
    latest: i64,
}

impl Sliding {
    pub(super) fn count(&mut self, second: i64) {
        self.move_to(second);
        self.seconds[slot(second)] += 1;
    }

    pub(super) fn total(&mut self, second: i64) -> u64 {
        self.move_to(second);
        self.seconds.iter().sum()
    }

    /// Removes old events; all of them if the clock was set back.
    fn move_to(&mut self, second: i64) {
        let on = second - self.latest;
        if on < 0 || on >= SECONDS as i64 {
            self.seconds = [0; SECONDS as usize];
        } else {
            for later in 1..=on {
                self.seconds[slot(self.latest + later)] = 0;
            }
        }
        self.latest = second;
    }
}

fn slot(second: i64) -> usize {
    second.rem_euclid(SECONDS as i64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_the_events_of_the_last_ten_seconds(steps in prop::collection::vec(0..14i64, 1..60)) {
            let (mut sliding, mut all, mut now) = (Sliding::default(), Vec::new(), 1_800_000_000);
            for later in steps {
                now += later;
                sliding.count(now);
                all.push(now);
                let expected = all.iter().filter(|at| now - **at < 10).count() as u64;
                prop_assert_eq!(sliding.total(now), expected);
            }
            prop_assert_eq!(sliding.total(now - 1), 0, "a clock that was set back starts again");
        }
    }
}
