use std::{sync::Arc, time::Duration};

use crate::{Builder, Denied, License, State, Watch, license, shared::Shared};

/// Runs a product on its license. Cheap to clone; when the last clone is dropped, it ends without giving the slot back.
#[derive(Clone)]
pub struct Guard(Arc<Handle>);

/// The host's end of the threads.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    /// The bound of one call.
    call: Duration,
    release: bool,
}

/// Why a slot could not be given back.
#[derive(Debug, thiserror::Error)]
#[error(
    "the license authority could not be told ({why}); the lease is forgotten here, and the slot frees itself when it lapses"
)]
pub struct NotTold {
    why: String,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, call: Duration, release: bool) -> Self {
        Self { shared, call, release }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Guard {
    /// A guard for the authority at a URL, trusted by its root key: the line `kaching-root:…`, compiled into the product.
    pub fn builder(url: &str, root: &str) -> Builder {
        Builder::new(url, root)
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    /// Whether the product may run at all. Reads memory: no lock, no allocation where the answer is yes.
    ///
    /// # Errors
    /// If it may not, with why and what to do.
    pub fn check(&self) -> Result<(), Denied> {
        self.0.shared.gates.check()
    }

    /// Whether a feature may be used. Reads memory: no lock, no allocation where the answer is yes.
    ///
    /// # Errors
    /// If it may not, with the plan that has it, what is gained, and whom to ask.
    pub fn require(&self, feature: &str) -> Result<(), Denied> {
        self.0.shared.gates.require(feature)
    }

    /// Whether a level may become `amount`, asked before the product grows; where the answer is yes, it is the
    /// installation's level from now on and is told to the authority. A level that does not grow is always allowed.
    ///
    /// # Errors
    /// If it may not, with the limit, the present level and the plan that allows more.
    pub fn ensure(&self, level: &str, amount: u64) -> Result<(), Denied> {
        if self.0.shared.gates.ensure(level, amount)? {
            self.0.shared.nudge();
        }
        Ok(())
    }

    /// Tells a level as it is, whatever the limit: at start, or when a node has gone.
    pub fn set_level(&self, level: &str, amount: u64) {
        if self.0.shared.gates.level(level, amount) {
            self.0.shared.nudge();
        }
    }

    /// The level as it was last told.
    pub fn level(&self, level: &str) -> u64 {
        let counts = self.0.shared.gates.counts();
        counts.get(level).map_or(0, |count| count.level.load(std::sync::atomic::Ordering::Acquire))
    }

    /// Adds to a counter: in memory at once, on disk within a second, then with the next heartbeat.
    pub fn record(&self, counter: &str, amount: u64) {
        if amount > 0 && self.0.shared.gates.record(counter, amount) {
            self.0.shared.nudge();
        }
    }

    /// How the guard stands.
    pub fn state(&self) -> State {
        self.0.shared.board.state()
    }

    /// Follows the state from now on.
    pub fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.0.shared.board))
    }

    /// The license as it is known, for people to see.
    pub fn license(&self) -> License {
        let mut inner = self.0.shared.lock();
        license::view(&mut inner.engine, self.0.shared.reading())
    }

    /// What to do when nothing may run any more; called on a thread of its own, after the stop stands on disk.
    pub fn on_stop(&self, callback: impl Fn(&State) + Send + Sync + 'static) {
        self.0.shared.stops.add(Arc::new(callback));
    }

    /// Sends a heartbeat now, waits for its answer, and says how the guard stands then. It takes no longer than one call.
    pub fn heartbeat_now(&self) -> State {
        let shared = &self.0.shared;
        shared.take_counts();
        let now = shared.reading();
        let turns = shared.lock().engine.hurry(now);
        shared.nudge();
        shared.wait_for(self.0.call, |inner| inner.engine.hurried_since(turns).then_some(()));
        self.state()
    }

    /// Gives the slot back for good: the lease is forgotten first, and every check says no from then on.
    ///
    /// # Errors
    /// If the authority could not be told; asking again tries again.
    pub fn deactivate(&self) -> Result<(), NotTold> {
        let shared = &self.0.shared;
        if shared.closed() {
            return Err(NotTold { why: "the guard is shut down".to_owned() });
        }
        shared.deactivate();
        let inner = shared.lock();
        if inner.engine.holds_nothing() {
            return Ok(());
        }
        let why = inner.engine.trouble().unwrap_or("it did not take the call").to_owned();
        Err(NotTold { why })
    }

    /// Ends the guard: tells what was used, gives the slot back where so configured, and frees the state directory.
    /// It takes no longer than two calls. Checks of other clones say what they said last, until the lease ends.
    ///
    /// # Errors
    /// If the slot should have been given back and the authority could not be told.
    pub fn shutdown(&self) -> Result<(), NotTold> {
        let shared = &self.0.shared;
        if shared.closed() {
            return Ok(());
        }
        shared.take_counts();
        if shared.lock().engine.owes_usage() {
            self.heartbeat_now();
        }
        let told = if self.0.release { self.deactivate() } else { Ok(()) };
        shared.close();
        told
    }
}
