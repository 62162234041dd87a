use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

/// Returns the present moment, for the deadlines of threads that own connections. It is never stored or shown.
#[expect(clippy::disallowed_methods, reason = "deadlines and durations of real connections run on real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns a time between half of a pause and one and a half, so that two threads that collided once do not collide
/// again.
pub(crate) fn jitter(pause: Duration) -> Duration {
    // The standard library seeds each hasher differently; nothing depends on this but who waits how long.
    let random = RandomState::new().hash_one(0_u8) % 1000;
    pause.mul_f64(0.5 + random as f64 / 1000.0)
}
