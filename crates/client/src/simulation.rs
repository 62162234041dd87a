//! A guard without threads. A test owns its clocks and its randomness, carries its requests, and lets it take one step
//! after the other, so that every order of events can be made to happen, and to happen again.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kaching_base::Timestamp;

use crate::{
    Builder, Guard, StartError,
    engine::Request,
    random::Random,
    shared::{Next, Shared},
    standby::HolderView,
    transport::{Call, Reply, Transport},
};

/// A guard that a test drives.
pub struct Simulation {
    guard: Guard,
    driver: Driver,
}

/// Takes the steps of a guard, which ends when its host drops it.
pub struct Driver {
    shared: Arc<Shared>,
    /// The view of the thread that follows.
    view: Mutex<HolderView>,
}

/// Carries the calls of a host that waits for their answers.
pub trait Carrier: Send + Sync + 'static {
    /// Carries one, and returns status and body of its answer.
    fn send(&self, call: &Carried<'_>) -> Option<(u16, Vec<u8>)>;

    /// Makes progress with everything else, and lets time pass.
    fn step(&self);
}

/// The next action of a thread of the guard.
pub enum Step {
    /// Sends this, and waits for its answer.
    Send(Sent),
    /// Waits for this time, or for an answer to any request.
    Wait(Duration),
}

/// A request on its way.
pub struct Sent(Request);

/// The bytes of a request.
pub struct Carried<'a>(&'a Call);

/// A transport without threads.
struct CarrierTransport<C>(C);

/// Sends nothing: a test carries the requests.
struct NoTransport;

impl Transport for NoTransport {
    fn send(&self, _: &Call) -> Reply {
        Reply::Unreachable("a test carries the requests".to_owned())
    }
}

impl<C: Carrier> Transport for CarrierTransport<C> {
    fn send(&self, call: &Call) -> Reply {
        match self.0.send(&Carried(call)) {
            Some((status, body)) => Reply::Answer { status, body, retry_after: None },
            None => Reply::Unreachable("its answer was lost".to_owned()),
        }
    }

    fn is_stepped(&self) -> bool {
        true
    }

    fn step(&self) {
        self.0.step();
    }
}

impl Builder {
    /// Prepares a guard without threads, whose random bytes come from here.
    ///
    /// # Errors
    /// As [`start`](Builder::start), as far as no answer is needed.
    pub fn simulate(
        self,
        fill: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Result<Simulation, StartError> {
        self.simulate_over(fill, Box::new(NoTransport))
    }

    /// As [`simulate`](Self::simulate), with a carrier for the calls of the host that wait for an answer.
    ///
    /// # Errors
    /// As there.
    pub fn simulate_with(
        self,
        fill: impl Fn(&mut [u8]) + Send + Sync + 'static,
        carrier: impl Carrier,
    ) -> Result<Simulation, StartError> {
        self.simulate_over(fill, Box::new(CarrierTransport(carrier)))
    }

    fn simulate_over(
        self,
        fill: impl Fn(&mut [u8]) + Send + Sync + 'static,
        transport: Box<dyn Transport>,
    ) -> Result<Simulation, StartError> {
        let random = Random::of(move |bytes| {
            fill(bytes);
            true
        });
        let (shared, guard, location) = self.prepare(random, |_, _| transport)?;
        let view = Mutex::new(HolderView::new(location));
        Ok(Simulation { guard, driver: Driver { shared, view } })
    }
}

impl Simulation {
    /// Returns the guard of the host. Its calls that wait for an answer (`heartbeat_now`, `deactivate`, `shutdown`) get none.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Returns the guard, and the driver that takes its steps.
    pub fn split(self) -> (Guard, Driver) {
        (self.guard, self.driver)
    }

    /// Ends as a killed process does: nothing more is written, and the directory is free.
    pub fn kill(self) {
        self.driver.shared.kill();
    }
}

impl Deref for Simulation {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        &self.driver
    }
}

impl Driver {
    /// Takes a step of a guard that follows another process or node, and returns how long to wait before the next. `None` if
    /// it does not follow; only then are calls and polls due.
    pub fn follow(&self) -> Option<Duration> {
        self.shared.follow(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a step of the calls, while none of them waits for its answer.
    pub fn call(&self) -> Step {
        step(self.shared.next_call())
    }

    /// Takes a step of the polls for changes, while none of them waits for its answer.
    pub fn poll(&self) -> Step {
        step(self.shared.next_poll(&mut self.shared.lock()))
    }

    /// Delivers an answer.
    pub fn answer(&self, sent: &Sent, status: u16, body: Vec<u8>) {
        self.shared.answered(&sent.0, Reply::Answer { status, body, retry_after: None });
    }

    /// Delivers a piece of a stream, which is its head if it is empty. Returns whether more is wanted. A stream that ends is
    /// lost.
    pub fn piece(&self, sent: &Sent, bytes: &[u8]) -> bool {
        self.shared.streamed(&sent.0, bytes).is_continue()
    }

    /// Loses a request, or its answer.
    pub fn lose(&self, sent: &Sent, why: &str) {
        self.shared.answered(&sent.0, Reply::Unreachable(why.to_owned()));
    }

    /// Returns the outcome of the start once.
    pub fn start_outcome(&self) -> Option<Result<(), StartError>> {
        self.shared.lock().engine.start_outcome()
    }

    /// Ends the time for the start.
    ///
    /// # Errors
    /// If no lease from before lets it run.
    pub fn give_up(&self) -> Result<(), StartError> {
        self.shared.lock().engine.give_up(self.shared.reading())
    }

    /// Begins [`Guard::deactivate`]: the lease is forgotten. Returns the request to send.
    pub fn deactivation(&self) -> Option<Sent> {
        self.shared.deactivation().map(Sent)
    }

    /// Returns the guard's own time.
    pub fn time(&self) -> Timestamp {
        self.shared.lock().engine.now(self.shared.reading())
    }

    /// Whether the guard is shut down.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits for the outcome of the start, with a [`Carrier`].
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start(&self) -> Result<(), StartError> {
        let timeout = self.shared.lock().engine.settings().timing.start_timeout;
        self.shared.await_start(timeout)
    }
}

impl Sent {
    /// The bytes.
    pub fn carried(&self) -> Carried<'_> {
        Carried(&self.0.call)
    }

    /// `GET` or `POST`.
    pub fn method(&self) -> &'static str {
        self.0.call.method
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.0.call.path
    }

    /// The bytes.
    pub fn body(&self) -> &[u8] {
        &self.0.call.body
    }

    /// The header `authorization`.
    pub fn authorization(&self) -> Option<&str> {
        self.0.call.authorization.as_ref().map(|header| header.expose().as_str())
    }

    /// Whether its answer is a stream.
    pub fn streams(&self) -> bool {
        self.0.streams()
    }

    /// How long it waits for its answer, or for the next piece of it.
    pub fn timeout(&self) -> Duration {
        self.0.call.timeout
    }
}

fn step(next: Next) -> Step {
    match next {
        Next::Send(request) => Step::Send(Sent(request)),
        Next::Wait(wait) => Step::Wait(wait),
        Next::End => Step::Wait(Duration::MAX),
    }
}

impl Carried<'_> {
    /// `GET` or `POST`.
    pub fn method(&self) -> &'static str {
        self.0.method
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The bytes.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The header `authorization`.
    pub fn authorization(&self) -> Option<&str> {
        self.0.authorization.as_ref().map(|header| header.expose().as_str())
    }
}
