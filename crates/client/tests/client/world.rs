//! A product's side of a test: a directory, a clock that can be moved, short intervals.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use kaching_base::Timestamp;
use kaching_client::{Builder, Clock, Fingerprint, Guard, LicenseKey, State, Timing};
use tempfile::TempDir;

use crate::{
    authority::{Authority, Fault},
    simulated::{self, Launch as _},
};

pub(crate) const KEY: &str = "CHORUS-00000-00000-00000-00000-00000";
/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) dir: TempDir,
    pub(crate) clock: Arc<MovedClock>,
}

/// The machine's clock and how far it was moved; the wall clock is wrong by years, which must not matter.
#[derive(Default)]
pub(crate) struct MovedClock {
    /// Whether time passes as the test says, and not as the machine says.
    is_simulated: bool,
    passed_us: AtomicU64,
    boot_ms: AtomicU64,
    wall_s: AtomicI64,
    boots: AtomicU64,
}

impl MovedClock {
    fn simulated() -> Arc<Self> {
        Arc::new(Self { is_simulated: true, ..Self::default() })
    }

    /// How much time has passed, without that by which the clock was moved.
    pub(crate) fn passed(&self) -> Duration {
        if self.is_simulated {
            return Duration::from_micros(self.passed_us.load(Ordering::SeqCst));
        }
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
    }

    /// Lets time pass, where it is the test's.
    pub(crate) fn pass(&self, time: Duration) {
        self.passed_us.fetch_add(time.as_micros().try_into().unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.boot_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
        self.wall_s.fetch_add(i64::try_from(seconds).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn set_wall(&self, seconds: i64) {
        self.wall_s.store(seconds, Ordering::SeqCst);
    }

    /// The machine starts again.
    pub(crate) fn reboot(&self) {
        self.boots.fetch_add(1, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> Duration {
        if !self.is_simulated && thread::current().name().is_some_and(|name| name.starts_with("kaching-")) {
            *READS.0.lock().unwrap() += 1;
            READS.1.notify_all();
        }
        self.passed() + Duration::from_millis(self.boot_ms.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_seconds(self.wall_s.load(Ordering::SeqCst))
    }

    fn boot_id(&self) -> String {
        format!("boot-{}", self.boots.load(Ordering::SeqCst))
    }
}

impl World {
    /// A world with threads, sockets and the machine's time.
    pub(crate) fn new() -> Self {
        Self { authority: Authority::start(), dir: tempfile::tempdir().unwrap(), clock: Arc::default() }
    }

    /// A world on the clock of its test, whose guards are started by [`Launch`](crate::simulated::Launch).
    pub(crate) fn simulated() -> Self {
        let clock = MovedClock::simulated();
        let authority = simulated::authority(&clock);
        Self { authority, dir: tempfile::tempdir().unwrap(), clock }
    }

    /// Starts a guard of a simulated world.
    pub(crate) fn launch(&self) -> Guard {
        self.builder().launch(self).unwrap()
    }

    /// A world in which changes have to be asked for.
    pub(crate) fn without_streams() -> Self {
        let world = Self::simulated();
        world.authority.change(|desk| desk.events = false);
        world
    }

    /// The next streams of changes meet these faults.
    pub(crate) fn with_stream_faults(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults = faults.into_iter().map(|fault| ("/v1/events", fault));
        self.authority.change(|desk| desk.faults.extend(faults));
        self
    }

    /// A guard of this world, yet to be changed and started.
    pub(crate) fn builder(&self) -> Builder {
        self.builder_at(&self.authority.url())
    }

    /// As [`builder`](Self::builder), with another address of the authority.
    pub(crate) fn builder_at(&self, url: &str) -> Builder {
        self.keyless_at(url).license_key(LicenseKey::new(KEY))
    }

    /// The same without a license key.
    pub(crate) fn keyless(&self) -> Builder {
        self.keyless_at(&self.authority.url())
    }

    fn keyless_at(&self, url: &str) -> Builder {
        Guard::builder(url, &self.authority.root())
            .product("chorus")
            .fingerprint(Fingerprint::custom("cluster-1").unwrap())
            .state_dir(self.dir.path().join("license"))
            .name("eu-1")
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .timing(timing())
    }

    pub(crate) fn start(&self) -> Guard {
        self.builder().start().unwrap()
    }
}

/// Intervals of a test: short.
pub(crate) fn timing() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        start_timeout: ms(5000),
        call_timeout: ms(2000),
        poll_wait: ms(2000),
        poll_interval: (ms(20), ms(40)),
        refused_interval: (ms(50), ms(100)),
        backoff: (ms(20), ms(100)),
        reactivate_interval: ms(50),
        refetch_interval: ms(50),
        mark_interval: ms(60_000),
        poll_pause: ms(10),
        first_event_timeout: ms(2000),
        silence_timeout: ms(2000),
        stream_settled: ms(0),
        stream_retry: ms(100),
        stream_lifetime: ms(3_600_000),
        follow_interval: ms(10),
    }
}

/// Waits until the state of a guard is as wanted.
pub(crate) fn until(guard: &Guard, wanted: impl Fn(&State) -> bool) -> State {
    if simulated::is_running() {
        return simulated::until("the state did not come", || Some(guard.state()).filter(&wanted));
    }
    let found = guard.watch().until(DEADLINE, wanted);
    found.unwrap_or_else(|| panic!("the state is another one: {:?}", guard.state()))
}

/// Waits until it runs in contact.
pub(crate) fn until_active(guard: &Guard) {
    until(guard, |state| matches!(state, State::Active { .. }));
}

/// Waits until it is refused with a code.
pub(crate) fn until_refused(guard: &Guard, code: &str) {
    until(guard, |state| matches!(state, State::Refused { code: found } if found.as_str() == code));
}

/// How often threads of guards have read their clock. They do so after each thing that they have done.
static READS: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

/// Waits until something holds that nothing announces. With threads, it is checked after each read of the clock.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    if simulated::is_running() {
        return simulated::until(&format!("{what} did not happen"), || holds().then_some(()));
    }
    let (reads, read) = &READS;
    loop {
        let before = *reads.lock().unwrap();
        if holds() {
            return;
        }
        let waited = read.wait_timeout_while(reads.lock().unwrap(), DEADLINE, |reads| *reads == before);
        assert!(!waited.unwrap().1.timed_out(), "{what} did not happen");
    }
}
