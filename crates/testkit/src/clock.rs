//! A clock that a test moves, and randomness that a test can repeat.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use kaching_authority::{Clock, Entropy};
use kaching_base::{Seconds, Timestamp};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Shows 2026-11-22T00:00:00Z until it is moved.
pub struct FakeClock {
    wall: AtomicI64,
    boot: AtomicI64,
}

impl Default for FakeClock {
    fn default() -> Self {
        Self { wall: AtomicI64::new(1_795_305_600_000_000), boot: AtomicI64::new(0) }
    }
}

impl FakeClock {
    /// Lets this time pass. If it is negative, only the wall clock is set back.
    pub fn advance(&self, seconds: Seconds) {
        self.set(self.now() + seconds);
    }

    /// Lets the time pass until then. If that moment is in the past, only the wall clock is set back.
    pub fn set(&self, now: Timestamp) {
        let passed = now.micros() - self.wall.swap(now.micros(), Ordering::SeqCst);
        self.boot.fetch_add(passed.max(0), Ordering::SeqCst);
    }

    /// Sets the wall clock forward or back; no time passes.
    pub fn jump(&self, seconds: Seconds) {
        self.wall.fetch_add(seconds.0 * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst))
    }

    fn boot(&self) -> Duration {
        Duration::from_micros(self.boot.load(Ordering::SeqCst).unsigned_abs())
    }

    fn is_real(&self) -> bool {
        false
    }
}

/// The n-th seed is the same in every run.
#[derive(Default)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The sequence of this number.
    pub fn new(sequence: u64) -> Self {
        Self(AtomicU64::new(sequence << 32))
    }
}

impl Entropy for SeededEntropy {
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        ChaCha20Rng::seed_from_u64(self.0.fetch_add(1, Ordering::SeqCst)).fill_bytes(&mut seed);
        seed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_its_day() {
        assert_eq!(FakeClock::default().now().to_string(), "2026-11-22T00:00:00Z");
    }
}
