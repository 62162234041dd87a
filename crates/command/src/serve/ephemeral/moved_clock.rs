use std::time::Duration;

use kaching_authority::{Clock, SystemClock};
use kaching_base::{Seconds, Timestamp};

/// The machine's clock, moved by an offset.
pub(super) struct MovedClock(pub(super) Seconds);

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    fn boot(&self) -> Duration {
        SystemClock.boot()
    }

    /// A moved one does not agree with the database's, and need not.
    fn is_real(&self) -> bool {
        self.0 == Seconds(0)
    }
}
