//! Guards without threads on the clock of their test. Waiting takes steps: each carries the requests that are due, and lets
//! time pass.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use kaching_client::{
    Builder, Clock as _, Guard, StartError,
    simulation::{Carried, Carrier, Driver, Sent, Step},
};

use crate::{
    authority::{Authority, Desk, PING, answer},
    http::{Answer, Request},
    world::{DEADLINE, MovedClock, World},
};

type Shared = Arc<(std::sync::Mutex<Desk>, std::sync::Condvar)>;

thread_local! {
    /// The guards of the present test.
    static PRODUCTS: RefCell<Vec<Rc<Product>>> = const { RefCell::new(Vec::new()) };
    /// How much time has passed in the present test.
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// How many random numbers the present test has drawn.
    static DRAWN: Cell<u64> = const { Cell::new(1) };
}

/// A guard, its authority, and the poll or stream that is open.
struct Product {
    driver: Driver,
    authority: Shared,
    clock: Arc<MovedClock>,
    /// When it looks again at the holder that it follows.
    follow_due: Cell<Duration>,
    /// A call that arrives with the next step, so that the state before its answer is seen.
    in_flight: RefCell<Option<Sent>>,
    open: RefCell<Option<Open>>,
}

struct Open {
    sent: Sent,
    kind: OpenKind,
}

enum OpenKind {
    /// A poll that is answered at this time, or when something changes.
    Poll { due: Duration },
    /// A stream, what its authority looked like when its last event came, and when the next ping is due.
    Stream { events: Box<dyn FnMut() -> Option<String>>, seen: Option<(u64, u64, u64, bool)>, ping: Duration },
    /// A stream that brings nothing; the client closes it.
    Held(Option<Box<dyn FnOnce()>>),
}

/// Carries the calls of a host that waits.
struct Direct(Shared);

impl Carrier for Direct {
    fn send(&self, call: &Carried<'_>) -> Option<(u16, Vec<u8>)> {
        match answer(&self.0, Request::carried(call)) {
            Answer::Whole(status, body) => Some((status, body.into_bytes())),
            _ => None,
        }
    }

    fn step(&self) {
        step();
    }
}

/// Starts a guard on the clock of its world.
pub(crate) trait Launch {
    fn launch(self, world: &World) -> Result<Guard, StartError>;
    fn launch_unlicensed(self, world: &World) -> Result<Guard, StartError>;
}

impl Launch for Builder {
    fn launch(self, world: &World) -> Result<Guard, StartError> {
        let (guard, outcome) = run(self, world)?;
        outcome.map(|()| guard)
    }

    fn launch_unlicensed(self, world: &World) -> Result<Guard, StartError> {
        match run(self, world)? {
            (_, Err(error @ (StartError::InUse { .. } | StartError::WrongRoot { .. }))) => Err(error),
            (guard, _) => Ok(guard),
        }
    }
}

fn run(builder: Builder, world: &World) -> Result<(Guard, Result<(), StartError>), StartError> {
    let authority = Arc::clone(&world.authority.shared);
    let (guard, driver) = builder.simulate_with(fill, Direct(Arc::clone(&authority)))?.split();
    let clock = Arc::clone(&world.clock);
    let product = Rc::new(Product {
        driver,
        authority,
        clock,
        follow_due: Cell::default(),
        in_flight: RefCell::default(),
        open: RefCell::default(),
    });
    PRODUCTS.with_borrow_mut(|products| products.push(Rc::clone(&product)));
    let outcome = product.driver.start();
    Ok((guard, outcome))
}

/// Fills a slice with bytes that are the same in each run of a test, and different in each call.
fn fill(bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        let drawn = DRAWN.replace(DRAWN.get() + 1);
        // Splitmix64.
        let mixed = drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..chunk.len()]);
    }
}

/// Whether the guards of the present test are simulated.
pub(crate) fn is_running() -> bool {
    PRODUCTS.with_borrow(|products| products.iter().any(|product| !product.driver.is_closed()))
}

/// Waits until something is found, for as long as the clocks say.
pub(crate) fn until<T>(what: &str, found: impl Fn() -> Option<T>) -> T {
    let end = PASSED.get() + DEADLINE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(PASSED.get() < end, "{what}");
        step();
    }
}

/// Carries all that is due, or lets time pass until something is.
fn step() {
    let products = PRODUCTS.with_borrow_mut(|products| {
        products.retain(|product| !product.driver.is_closed() || product.open.borrow().is_some());
        products.clone()
    });
    let mut wait = PING;
    let mut acted = false;
    for product in &products {
        match product.step() {
            Some(next) => wait = wait.min(next),
            None => acted = true,
        }
    }
    // An exchange takes a moment, too.
    let moment = Duration::from_millis(1);
    let wait = if acted { moment } else { wait.max(moment) };
    PASSED.set(PASSED.get() + wait);
    // Guards of one world have one clock.
    let mut clocks: Vec<_> = products.iter().map(|product| &product.clock).collect();
    clocks.sort_unstable_by_key(|clock| Arc::as_ptr(clock));
    clocks.dedup_by(|one, other| Arc::ptr_eq(one, other));
    clocks.into_iter().for_each(|clock| clock.pass(wait));
}

impl Product {
    /// Carries a request or an event, or returns how long nothing is due.
    fn step(&self) -> Option<Duration> {
        if self.driver.is_closed() {
            if let Some(Open { kind: OpenKind::Held(Some(closed)), .. }) = self.open.take() {
                closed();
            }
            return None;
        }
        if let Some(wait) = self.follow() {
            return Some(wait);
        }
        if let Some(sent) = self.in_flight.take() {
            self.carry(sent);
            return None;
        }
        let calls = match self.driver.call() {
            Step::Send(sent) => {
                self.in_flight.replace(Some(sent));
                return None;
            }
            Step::Wait(wait) => wait,
        };
        if let Some(open) = self.open.take() {
            return self.keep_open(open).map(|wait| wait.min(calls));
        }
        match self.driver.poll() {
            Step::Send(sent) => {
                self.carry(sent);
                None
            }
            Step::Wait(wait) => Some(wait.min(calls)),
        }
    }

    /// Looks at the holder when that is due, and returns how long nothing is. `None` if it follows nobody.
    fn follow(&self) -> Option<Duration> {
        let now = self.clock.boot();
        if now >= self.follow_due.get() {
            self.follow_due.set(now + self.driver.follow()?);
        }
        Some(self.follow_due.get() - now)
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.authority.0.lock().unwrap()
    }

    fn carry(&self, sent: Sent) {
        if sent.path().starts_with("/v1/changes") && !self.desk().down {
            let due =
                self.clock.passed() + sent.timeout().saturating_sub(crate::world::timing().call_timeout);
            self.open.replace(Some(Open { sent, kind: OpenKind::Poll { due } }));
            return;
        }
        self.answer(sent, |request| request);
    }

    fn answer(&self, sent: Sent, change: impl FnOnce(Request) -> Request) {
        match answer(&self.authority, change(Request::carried(&sent.carried()))) {
            Answer::Whole(status, body) => self.driver.answer(&sent, status, body.into_bytes()),
            Answer::Nothing => self.driver.lose(&sent, "its answer was lost"),
            Answer::Stream(events) => {
                if self.driver.piece(&sent, b"") {
                    let kind = OpenKind::Stream { events, seen: None, ping: Duration::ZERO };
                    self.open.replace(Some(Open { sent, kind }));
                } else {
                    self.driver.lose(&sent, "it was enough");
                }
            }
            Answer::Held(text, closed) => {
                if self.driver.piece(&sent, b"") && self.driver.piece(&sent, text.as_bytes()) {
                    self.open.replace(Some(Open { sent, kind: OpenKind::Held(Some(closed)) }));
                } else {
                    closed();
                    self.driver.lose(&sent, "it was enough");
                }
            }
        }
    }

    /// Goes on with what is open, or returns how long nothing is due there.
    fn keep_open(&self, Open { sent, kind }: Open) -> Option<Duration> {
        let now = self.clock.passed();
        match kind {
            OpenKind::Poll { due } => {
                let known = sent.path().split(['=', '&']).nth(1).and_then(|rev| rev.parse::<u64>().ok());
                let (rev, down) = {
                    let desk = self.desk();
                    (desk.rev, desk.down)
                };
                if now < due && known.is_some_and(|known| rev <= known) && !down {
                    self.open.replace(Some(Open { sent, kind: OpenKind::Poll { due } }));
                    return Some(due - now);
                }
                self.answer(sent, |request| {
                    let path = request.path.split("&wait=").next().unwrap_or_default();
                    Request { path: format!("{path}&wait=0"), ..request }
                });
                None
            }
            OpenKind::Stream { mut events, seen, ping } => {
                let present = {
                    let desk = self.desk();
                    (desk.epoch, desk.rev, desk.cuts, desk.down)
                };
                if seen == Some(present) && now < ping {
                    self.open.replace(Some(Open { sent, kind: OpenKind::Stream { events, seen, ping } }));
                    return Some(ping - now);
                }
                let event = events();
                let goes_on = event.is_some_and(|event| self.driver.piece(&sent, event.as_bytes()));
                if goes_on {
                    let kind = OpenKind::Stream { events, seen: Some(present), ping: now + PING };
                    self.open.replace(Some(Open { sent, kind }));
                } else {
                    self.driver.lose(&sent, "it ended");
                }
                None
            }
            OpenKind::Held(closed) => {
                if self.driver.piece(&sent, b"") {
                    self.open.replace(Some(Open { sent, kind: OpenKind::Held(closed) }));
                    return Some(PING);
                }
                closed.into_iter().for_each(|closed| closed());
                self.driver.lose(&sent, "it was enough");
                None
            }
        }
    }
}

/// An authority whose requests are carried here.
pub(crate) fn authority(clock: &Arc<MovedClock>) -> Authority {
    Authority::simulated(Arc::clone(clock))
}
