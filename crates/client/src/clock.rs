use std::time::Duration;

use kaching_base::Timestamp;

/// The machine's two clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Time since the machine started, sleep included. It cannot be set.
    pub boot: Duration,
    /// The machine's date, which anybody can set.
    pub wall: Timestamp,
}

/// The clocks of a guard; tests have their own.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time since the machine started, sleep included.
    fn boot(&self) -> Duration;

    /// Returns the machine's date.
    fn wall(&self) -> Timestamp;

    /// Returns a name of the machine's present run, so that a boot time read before a restart is not compared with one after.
    fn boot_id(&self) -> String;
}

/// The clocks of the machine that this runs on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn boot(&self) -> Duration {
        crate::platform::boot_clock()
    }

    fn wall(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in elsewhere")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn boot_id(&self) -> String {
        crate::platform::boot_id()
    }
}

/// Reads both clocks together.
pub(crate) fn read(clock: &dyn Clock) -> Reading {
    Reading { boot: clock.boot(), wall: clock.wall() }
}

/// Returns the moment this much time after another.
pub(crate) fn after(moment: Timestamp, time: Duration) -> Timestamp {
    let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.micros().saturating_add(micros))
}

/// Returns the time from one moment to a later one; zero if that is past.
pub(crate) fn until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(to.micros().saturating_sub(from.micros())).unwrap_or(0))
}
