//! The times that the story shows.

use std::time::{Duration, Instant};

pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the demo shows how long things take")]
    Instant::now()
}

/// Returns a duration in milliseconds or seconds.
pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
