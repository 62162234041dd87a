//! Time and randomness are parameters, so that tests control them.

mod accept;
mod sql;
mod watch;

use std::time::Duration;

use kaching_base::Timestamp;

pub use accept::AcceptedClock;
pub(crate) use watch::ClockWatch;

/// A clock. Read once per operation.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Returns the time since the machine started, sleep included. It cannot be set.
    fn boot(&self) -> Duration;

    /// Whether it is a machine's, which has to agree with the database's.
    fn is_real(&self) -> bool {
        true
    }
}

/// Seeds the randomness of one operation.
pub trait Entropy: Send + Sync + 'static {
    /// Returns thirty-two unpredictable bytes.
    fn seed(&self) -> [u8; 32];
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the machine's clock comes in")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn boot(&self) -> Duration {
        // On macOS the monotonic clock advances while the machine sleeps.
        #[cfg(target_os = "linux")]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).expect("the operating system gives random bytes");
        seed
    }
}
