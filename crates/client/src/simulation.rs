//! A guard without threads. A test owns its clocks and its randomness, carries its requests, and lets it take one step
//! after the other, so that whatever can happen to a guard can be made to happen, and happens again.

use std::{sync::Arc, time::Duration};

use kaching_base::Timestamp;

use crate::{
    Builder, Guard, StartError,
    engine::Request,
    random::Random,
    shared::{Next, Shared},
    transport::{Call, Reply, Transport},
};

/// A guard that a test drives.
pub struct Simulation {
    guard: Guard,
    shared: Arc<Shared>,
}

/// What a lane of the guard does next.
pub enum Step {
    /// Sends this, and waits for its answer.
    Send(Sent),
    /// Looks again after this time, and after every answer on either lane.
    Rest(Duration),
}

/// A request on its way.
pub struct Sent(Request);

/// Nothing leaves by itself.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: &Call) -> Reply {
        Reply::Unreachable("a test carries the requests".to_owned())
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
        let random = Random::of(move |bytes| {
            fill(bytes);
            true
        });
        let (shared, guard, _) = self.prepare(random, |_, _| Box::new(Nowhere))?;
        Ok(Simulation { guard, shared })
    }
}

impl Simulation {
    /// What the host holds. What waits for an answer there (`heartbeat_now`, `deactivate`, `shutdown`) finds none.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// A step of the lane of calls, which must not wait for an answer.
    pub fn call(&self) -> Step {
        step(self.shared.next_call())
    }

    /// A step of the lane of questions, which must not wait for an answer.
    pub fn question(&self) -> Step {
        step(self.shared.next_question(&mut self.shared.lock()))
    }

    /// An answer came.
    pub fn answer(&self, sent: &Sent, status: u16, body: Vec<u8>) {
        self.shared.answered(&sent.0, Reply::Answer { status, body, retry_after: None });
    }

    /// A piece of a stream came, its head where there is nothing in it; whether more is wanted. One that ends is lost.
    pub fn piece(&self, sent: &Sent, bytes: &[u8]) -> bool {
        self.shared.streamed(&sent.0, bytes).is_continue()
    }

    /// None came in time.
    pub fn lose(&self, sent: &Sent, why: &str) {
        self.shared.answered(&sent.0, Reply::Unreachable(why.to_owned()));
    }

    /// How the start went, told once.
    pub fn started(&self) -> Option<Result<(), StartError>> {
        self.shared.lock().engine.started()
    }

    /// The time for the start is over.
    ///
    /// # Errors
    /// If nothing that was verified before lets it run.
    pub fn give_up(&self) -> Result<(), StartError> {
        self.shared.lock().engine.give_up(self.shared.reading())
    }

    /// Begins what [`Guard::deactivate`] does: the lease is forgotten, and this is to be sent.
    pub fn deactivation(&self) -> Option<Sent> {
        self.shared.deactivation().map(Sent)
    }

    /// The guard's own time.
    pub fn time(&self) -> Timestamp {
        self.shared.lock().engine.now(self.shared.reading())
    }

    /// Ends as a killed process does: nothing more is written, and the directory is free.
    pub fn kill(self) {
        self.shared.kill();
    }
}

impl Sent {
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
        Next::Rest(wait) => Step::Rest(wait),
        Next::End => Step::Rest(Duration::MAX),
    }
}
