//! The state that the threads of one guard share, and the steps that they take. The engine is owned here, behind one lock
//! that is never held while anything is sent, and never taken by a check.

use std::{
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kaching_base::Timestamp;

use crate::{
    StartError,
    checks::Checks,
    clock::{Clock, Reading, read},
    engine::{Engine, Request},
    random::Random,
    role::Role,
    state::{Snapshot, StateCell},
    state_files::{NoFiles, StateFiles},
    stop::{StopActions, TimedChange},
    transport::{Call, Reply, Transport},
};

pub(crate) struct Shared {
    pub(crate) checks: Checks,
    pub(crate) state: Arc<StateCell>,
    pub(crate) stops: StopActions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Random,
    transport: Box<dyn Transport>,
    inner: Mutex<Inner>,
    /// A call may have become due.
    call_signal: Signal,
    /// Usage was recorded that is not on disk.
    usage_signal: Signal,
    /// A poll may have become due.
    poll_due: Condvar,
    /// An answer was acted upon.
    answered: Condvar,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) files: Box<dyn StateFiles>,
    /// When usage was last taken from the counters, on the boot clock; `None` where it is to be taken now.
    usage_taken: Option<Duration>,
}

/// The next action of a thread.
pub(crate) enum Next {
    /// Sends a request, and waits for its answer.
    Send(Request),
    /// Waits for this time, or for a signal.
    Wait(Duration),
    /// Ends: the guard is shut down.
    End,
}

/// How long usage may stay in memory alone.
const USAGE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a start, or a key that was entered, waits for the catalogue once it went well.
const CATALOGUE_WAIT: Duration = Duration::from_secs(1);

/// The longest wait: clocks may be set, and machines sleep.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

impl Shared {
    pub(crate) fn new(
        engine: Engine,
        files: Box<dyn StateFiles>,
        checks: Checks,
        stops: StopActions,
        clock: Arc<dyn Clock>,
        random: Random,
        transport: Box<dyn Transport>,
    ) -> Self {
        let now = read(clock.as_ref());
        let state = StateCell::new(Snapshot { state: engine.state(now), warnings: engine.warnings(now) });
        Self {
            checks,
            state,
            stops,
            clock,
            random,
            transport,
            inner: Mutex::new(Inner { engine, files, usage_taken: None }),
            call_signal: Signal::default(),
            usage_signal: Signal::default(),
            poll_due: Condvar::new(),
            answered: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reading(&self) -> Reading {
        read(self.clock.as_ref())
    }

    /// Makes the calls: activation, heartbeats, keyset, catalogue. Ends when the guard is shut down.
    pub(crate) fn run_calls(&self) {
        loop {
            match self.next_call() {
                Next::Send(request) => self.exchange(&request),
                Next::Wait(wait) => self.sleep(wait),
                Next::End => return,
            }
        }
    }

    /// Returns the next call. A request that it sends is on disk already.
    pub(crate) fn next_call(&self) -> Next {
        let mut inner = self.lock();
        if inner.is_closed() {
            return Next::End;
        }
        self.publish(&mut inner);
        let now = self.reading();
        if let Some((change, at)) = self.stops.take_acted() {
            inner.engine.acted(change, at);
        }
        if let Some(request) = self.random.draw().and_then(|draw| inner.engine.next_call(now, &draw)) {
            self.publish(&mut inner);
            return Next::Send(request);
        }
        let wake = inner.engine.wake(now).min(self.usage_due(&inner));
        // At least a moment: another thread may have to run first.
        Next::Wait(wake.saturating_sub(now.boot).clamp(Duration::from_millis(1), LONGEST_WAIT))
    }

    /// Writes usage to disk within a second, even while the other threads wait. Ends when the guard is shut down.
    pub(crate) fn run_usage(&self) {
        loop {
            let mut inner = self.lock();
            if inner.is_closed() {
                return;
            }
            let (now, due) = (self.reading().boot, self.usage_due(&inner));
            if due <= now {
                self.publish(&mut inner);
                continue;
            }
            drop(inner);
            self.usage_signal.wait((due - now).min(LONGEST_WAIT));
        }
    }

    /// Usage was recorded where there was none.
    pub(crate) fn wake_usage(&self) {
        self.usage_signal.notify();
    }

    /// Returns when usage has to go to disk; followers may have some at any time.
    fn usage_due(&self, inner: &Inner) -> Duration {
        if !self.checks.counters().has_usage() && !inner.files.has_followers() {
            return Duration::MAX;
        }
        inner.usage_taken.map_or(Duration::ZERO, |taken| taken + USAGE_INTERVAL)
    }

    /// Polls for changes, or receives their stream. Ends when the guard is shut down.
    pub(crate) fn run_polls(&self) {
        let mut inner = self.lock();
        loop {
            match self.next_poll(&mut inner) {
                Next::Send(request) => {
                    drop(inner);
                    self.receive(&request);
                    inner = self.lock();
                }
                Next::Wait(wait) => {
                    let waited = self.poll_due.wait_timeout(inner, wait);
                    inner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::End => return,
            }
        }
    }

    /// Returns the next poll or stream.
    pub(crate) fn next_poll(&self, inner: &mut Inner) -> Next {
        if inner.is_closed() {
            return Next::End;
        }
        let now = self.reading();
        if let Some(request) = self.random.draw().and_then(|draw| inner.engine.next_poll(now, &draw)) {
            return Next::Send(request);
        }
        let due = inner.engine.poll_due(now).map(|due| due.saturating_sub(now.boot));
        Next::Wait(due.unwrap_or(LONGEST_WAIT).max(Duration::from_millis(1)))
    }

    /// Sends a call that changes nothing here.
    pub(crate) fn send(&self, call: &Call) -> Reply {
        self.transport.send(call)
    }

    pub(crate) fn exchange(&self, request: &Request) {
        let reply = self.transport.send(&request.call);
        self.answered(request, reply);
    }

    /// Polls, or receives a stream for as long as it lives.
    fn receive(&self, request: &Request) {
        if !request.streams() {
            return self.exchange(request);
        }
        let reply = self.transport.stream(&request.call, &mut |bytes| self.streamed(request, bytes));
        self.answered(request, reply);
    }

    /// Acts on a piece of a stream, as on an answer, and returns whether more is wanted.
    pub(crate) fn streamed(&self, request: &Request, bytes: &[u8]) -> ControlFlow<()> {
        let Some(draw) = self.random.draw() else { return ControlFlow::Break(()) };
        let mut inner = self.lock();
        if inner.is_closed() {
            return ControlFlow::Break(());
        }
        let more = inner.engine.streamed(request, bytes, self.reading(), &draw);
        // Even where nothing has changed, this shows whether a process has begun to follow.
        self.publish(&mut inner);
        drop(inner);
        self.notify_waiters();
        self.wake_calls();
        if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Acts on an answer. Its consequences are on disk before anybody sees them.
    pub(crate) fn answered(&self, request: &Request, reply: Reply) {
        // Without random bytes there is no next nonce: then the answer counts as lost.
        let (reply, draw) = match self.random.draw() {
            Some(draw) => (reply, draw),
            None => (Reply::Unreachable("this machine gives no random bytes".to_owned()), Default::default()),
        };
        let mut inner = self.lock();
        if inner.is_closed() {
            return;
        }
        inner.engine.answered(request, reply, self.reading(), &draw);
        self.publish(&mut inner);
        let stale = inner.engine.has_stale_stream();
        drop(inner);
        if stale {
            self.transport.hang_up();
        }
        self.notify_waiters();
        self.wake_calls();
    }

    /// Wakes all that wait for the engine.
    pub(crate) fn notify_waiters(&self) {
        self.poll_due.notify_all();
        self.answered.notify_all();
    }

    /// Writes what has to be on disk, and then shows the state to checks and watches.
    pub(crate) fn publish(&self, inner: &mut Inner) {
        if inner.is_closed() {
            return;
        }
        let now = self.reading();
        let takes_usage = inner.usage_taken.is_none_or(|taken| now.boot >= taken + USAGE_INTERVAL);
        if takes_usage {
            inner.usage_taken = Some(now.boot);
        }
        inner.engine.note_clock(now);
        inner.files.write(&mut inner.engine, self.checks.counters(), takes_usage, now);
        self.checks.set(inner.engine.check_snapshot(now));
        let snapshot = Snapshot { state: inner.engine.state(now), warnings: inner.engine.warnings(now) };
        let change = inner.engine.take_enacted();
        let calls_host = self.show(snapshot, change);
        if let Some(change) = change.filter(|_| !calls_host) {
            inner.engine.acted(change, self.clock.boot());
        }
    }

    /// Shows a state after a change of that moment, and returns whether callbacks are called for it.
    fn show(&self, snapshot: Snapshot, change: Option<Timestamp>) -> bool {
        let state = snapshot.state.clone();
        if !self.state.set(snapshot) {
            return false;
        }
        tracing::info!(state = state.as_str(), "{state}");
        let change = change.map(|change| TimedChange::new(change, Arc::clone(&self.clock)));
        self.stops.state_changed(&state, &self.state, change)
    }

    /// Waits for this time, or until a call may be due.
    pub(crate) fn sleep(&self, wait: Duration) {
        self.call_signal.wait(wait);
    }

    /// Lets the thread of calls check what is due.
    pub(crate) fn wake_calls(&self) {
        self.call_signal.notify();
    }

    /// Waits until `find` returns something, which is called after each answer.
    pub(crate) fn wait_for<T>(
        &self,
        timeout: Duration,
        mut find: impl FnMut(&mut Inner) -> Option<T>,
    ) -> Option<T> {
        let deadline = self.clock.boot() + timeout;
        let mut inner = self.lock();
        loop {
            if let Some(found) = find(&mut inner) {
                return Some(found);
            }
            let left = deadline.checked_sub(self.clock.boot()).filter(|left| !left.is_zero())?;
            if self.transport.is_stepped() {
                drop(inner);
                self.transport.step();
                inner = self.lock();
                continue;
            }
            inner = self.answered.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the outcome of the start. From then on a stop is acted upon.
    pub(crate) fn await_start(&self, timeout: Duration) -> Result<(), StartError> {
        let began = self.clock.boot();
        let outcome = self.wait_for(timeout, |inner| inner.engine.start_outcome());
        let outcome = outcome.unwrap_or_else(|| self.lock().engine.give_up(self.reading()));
        if outcome.is_ok() {
            self.wait_for_catalogue((began + timeout).saturating_sub(self.clock.boot()));
        }
        // A guard that has never run cannot stop.
        self.stops.arm(outcome.is_err());
        self.stops.state_changed(&self.state.snapshot().state, &self.state, None);
        outcome
    }

    /// Waits a moment for the catalogue, so that the first denial already names the plan that has more.
    pub(crate) fn wait_for_catalogue(&self, longest: Duration) {
        self.wait_for(longest.min(CATALOGUE_WAIT), |inner| inner.engine.can_explain().then_some(()));
    }

    /// Writes everything, and ends the threads. A call in flight may still come back; it changes nothing.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if inner.is_closed() {
            return;
        }
        inner.usage_taken = None;
        self.publish(&mut inner);
        inner.close();
        drop(inner);
        self.transport.hang_up();
        self.state.close();
        self.notify_waiters();
        self.wake_calls();
        self.wake_usage();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// Takes the levels and the usage that the host has recorded, now rather than within a second.
    pub(crate) fn take_counts(&self) {
        let mut inner = self.lock();
        inner.usage_taken = None;
        self.publish(&mut inner);
    }

    /// Forgets the lease, on disk too, and then gives the slot back.
    pub(crate) fn deactivate(&self) {
        if let Some(request) = self.deactivation() {
            self.exchange(&request);
        }
    }

    /// Forgets the lease, on disk too. Returns the request to send then, where there is a slot to give back.
    pub(crate) fn deactivation(&self) -> Option<Request> {
        let draw = self.random.draw()?;
        let mut inner = self.lock();
        let request = inner.engine.deactivate(self.reading(), &draw);
        self.publish(&mut inner);
        request
    }

    /// Ends as a killed process does: nothing more is written, and the directory is free.
    #[cfg(feature = "simulation")]
    pub(crate) fn kill(&self) {
        self.lock().close();
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.engine.role() == Role::Closed
    }

    /// Frees the state directory; nothing more happens.
    fn close(&mut self) {
        self.engine.close();
        self.files = Box::new(NoFiles);
    }
}

/// Wakes a thread. A signal that is sent while the thread does not wait is kept for its next wait.
#[derive(Default)]
struct Signal {
    sent: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn notify(&self) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for a signal, which is then consumed.
    fn wait(&self, timeout: Duration) {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(sent, timeout, |sent| !*sent);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}
