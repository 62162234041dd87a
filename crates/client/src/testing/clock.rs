use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kaching_base::Timestamp;

use crate::clock::{Clock, SystemClock, after};

/// The machine's clocks, moved ahead by a test.
#[derive(Debug, Default)]
pub(super) struct MovedClock(AtomicU64);

impl MovedClock {
    fn ahead(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Acquire))
    }

    pub(super) fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::AcqRel);
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> Duration {
        SystemClock.boot() + self.ahead()
    }

    fn wall(&self) -> Timestamp {
        after(SystemClock.wall(), self.ahead())
    }

    fn boot_id(&self) -> String {
        SystemClock.boot_id()
    }
}
