//! What the threads of one guard share, and the steps that they take. The engine is owned here, behind one lock that
//! is never held while anything is sent, and never taken by a check.

use std::{
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kaching_base::Timestamp;

use crate::{
    clock::{Clock, Reading, read},
    engine::{Engine, Request},
    gate::Gates,
    place::Place,
    random::Random,
    state::{Board, Shown},
    stop::{Acted, Stops},
    transport::{Call, Reply, Transport},
};

pub(crate) struct Shared {
    pub(crate) gates: Gates,
    pub(crate) board: Arc<Board>,
    pub(crate) stops: Stops,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Random,
    transport: Box<dyn Transport>,
    inner: Mutex<Inner>,
    /// Told when the lane of calls should look again; the flag is there for what happens while it does not wait.
    nudged: (Mutex<bool>, Condvar),
    /// Told when a question may have become due.
    listen: Condvar,
    /// Told when something was counted that nobody has written yet.
    recorded: (Mutex<bool>, Condvar),
    /// Told after each answer.
    heard: Condvar,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) place: Place,
    /// When usage was last taken from the counters; nothing where it is to be taken now.
    counted: Option<Duration>,
}

/// What a lane does next.
pub(crate) enum Next {
    /// Sends a request, and waits for its answer.
    Send(Request),
    /// Looks again after this time, or when told to.
    Rest(Duration),
    /// Nothing any more: the guard is shut down.
    End,
}

/// How long usage may stay in memory alone.
const USAGE: Duration = Duration::from_secs(1);

/// How long a start, or a key that was entered, waits for the catalogue once it went well.
const CATALOGUE: Duration = Duration::from_secs(1);

/// The longest rest: clocks may be set, and machines sleep.
const REST: Duration = Duration::from_secs(20);

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "each is a part that tests replace")]
    pub(crate) fn new(
        engine: Engine,
        place: Place,
        gates: Gates,
        board: Arc<Board>,
        stops: Stops,
        clock: Arc<dyn Clock>,
        random: Random,
        transport: Box<dyn Transport>,
    ) -> Self {
        Self {
            gates,
            board,
            stops,
            clock,
            random,
            transport,
            inner: Mutex::new(Inner { engine, place, counted: None }),
            nudged: (Mutex::new(false), Condvar::new()),
            listen: Condvar::new(),
            recorded: (Mutex::new(false), Condvar::new()),
            heard: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reading(&self) -> Reading {
        read(self.clock.as_ref())
    }

    /// The lane of calls: activation, heartbeats, keyset, catalogue. Ends when the guard is shut down.
    pub(crate) fn keep(&self) {
        loop {
            match self.next_call() {
                Next::Send(request) => self.exchange(&request),
                Next::Rest(wait) => self.rest(wait),
                Next::End => return,
            }
        }
    }

    /// What the lane of calls does now; a request that it sends stands on disk already.
    pub(crate) fn next_call(&self) -> Next {
        let mut inner = self.lock();
        if inner.place.is_left() {
            return Next::End;
        }
        self.settle(&mut inner);
        let now = self.reading();
        if let Some((change, at)) = self.stops.acted() {
            inner.engine.acted(change, at);
        }
        if let Some(request) = self.random.draw().and_then(|draw| inner.engine.call(now, &draw)) {
            self.settle(&mut inner);
            return Next::Send(request);
        }
        let wake = inner.engine.wake(now).min(self.count_due(&inner));
        // At least a moment: what is due may need another thread to happen.
        Next::Rest(wake.saturating_sub(now.boot).clamp(Duration::from_millis(1), REST))
    }

    /// The lane of counters: what was used is on disk within a second, whatever the other lanes wait for. Ends when the
    /// guard is shut down.
    pub(crate) fn count(&self) {
        loop {
            let mut inner = self.lock();
            if inner.place.is_left() {
                return;
            }
            let (now, due) = (self.reading().boot, self.count_due(&inner));
            if due <= now {
                self.settle(&mut inner);
                continue;
            }
            drop(inner);
            wait_for_news(&self.recorded, (due - now).min(REST));
        }
    }

    /// Something was counted, and nothing before it waits.
    pub(crate) fn recorded(&self) {
        tell_news(&self.recorded);
    }

    /// When usage has to go to disk; followers may have some at any time.
    fn count_due(&self, inner: &Inner) -> Duration {
        if !self.gates.has_unsent() && !inner.place.has_followers() {
            return Duration::MAX;
        }
        inner.counted.map_or(Duration::ZERO, |counted| counted + USAGE)
    }

    /// The lane of questions for changes. Ends when the guard is shut down.
    pub(crate) fn listen(&self) {
        let mut inner = self.lock();
        loop {
            match self.next_question(&mut inner) {
                Next::Send(request) => {
                    drop(inner);
                    self.hear(&request);
                    inner = self.lock();
                }
                Next::Rest(wait) => {
                    let waited = self.listen.wait_timeout(inner, wait);
                    inner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::End => return,
            }
        }
    }

    /// What the lane of questions does now.
    pub(crate) fn next_question(&self, inner: &mut Inner) -> Next {
        if inner.place.is_left() {
            return Next::End;
        }
        let now = self.reading();
        if let Some(request) = self.random.draw().and_then(|draw| inner.engine.question(now, &draw)) {
            return Next::Send(request);
        }
        let due = inner.engine.question_due(now).map(|due| due.saturating_sub(now.boot));
        Next::Rest(due.unwrap_or(REST).max(Duration::from_millis(1)))
    }

    /// Sends a call that changes nothing here.
    pub(crate) fn send(&self, call: &Call) -> Reply {
        self.transport.send(call)
    }

    pub(crate) fn exchange(&self, request: &Request) {
        let reply = self.transport.send(&request.call);
        self.answered(request, reply);
    }

    /// Asks for changes, or hears them for as long as their stream lives.
    fn hear(&self, request: &Request) {
        if !request.streams() {
            return self.exchange(request);
        }
        let reply = self.transport.stream(&request.call, &mut |bytes| self.streamed(request, bytes));
        self.answered(request, reply);
    }

    /// Acts on a piece of a stream, as on an answer, and says whether more is wanted.
    pub(crate) fn streamed(&self, request: &Request, bytes: &[u8]) -> ControlFlow<()> {
        let Some(draw) = self.random.draw() else { return ControlFlow::Break(()) };
        let mut inner = self.lock();
        if inner.place.is_left() {
            return ControlFlow::Break(());
        }
        let more = inner.engine.streamed(request, bytes, self.reading(), &draw);
        // Where nothing has changed, it is a moment to look whether somebody has begun to follow.
        self.settle(&mut inner);
        drop(inner);
        self.tell_waiting();
        self.nudge();
        if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Acts on an answer: what it changes is on disk before anybody is told.
    pub(crate) fn answered(&self, request: &Request, reply: Reply) {
        // Without random bytes there is no next nonce: then the answer counts as lost.
        let (reply, draw) = match self.random.draw() {
            Some(draw) => (reply, draw),
            None => (Reply::Unreachable("this machine gives no random bytes".to_owned()), Default::default()),
        };
        let mut inner = self.lock();
        if inner.place.is_left() {
            return;
        }
        inner.engine.answered(request, reply, self.reading(), &draw);
        self.settle(&mut inner);
        let stale = inner.engine.has_stale_stream();
        drop(inner);
        if stale {
            self.transport.hang_up();
        }
        self.tell_waiting();
        self.nudge();
    }

    /// Lets everybody look who waits for something of the engine.
    pub(crate) fn tell_waiting(&self) {
        self.listen.notify_all();
        self.heard.notify_all();
    }

    /// Writes what must stand on disk, then tells checks and watchers.
    pub(crate) fn settle(&self, inner: &mut Inner) {
        let now = self.reading();
        let counts = inner.counted.is_none_or(|counted| now.boot >= counted + USAGE);
        if counts {
            inner.counted = Some(now.boot);
        }
        inner.engine.look_at_clock(now);
        inner.place.write(&mut inner.engine, &self.gates, counts, now);
        self.gates.set(inner.engine.gate(now));
        let shown = Shown { state: inner.engine.state(now), warnings: inner.engine.warnings(now) };
        let change = inner.engine.enacted();
        let tells = self.show(shown, change);
        if let Some(change) = change.filter(|_| !tells) {
            inner.engine.acted(change, self.clock.boot());
        }
    }

    /// Shows how the guard stands after a change of that moment; whether a stop is being told for it.
    fn show(&self, shown: Shown, change: Option<Timestamp>) -> bool {
        let state = shown.state.clone();
        if !self.board.show(shown) {
            return false;
        }
        tracing::info!(state = state.as_str(), "{state}");
        let acted = change.map(|change| Acted::new(change, Arc::clone(&self.clock)));
        self.stops.told(&state, &self.board, acted)
    }

    pub(crate) fn rest(&self, wait: Duration) {
        wait_for_news(&self.nudged, wait);
    }

    /// Lets the lane of calls look again.
    pub(crate) fn nudge(&self) {
        tell_news(&self.nudged);
    }

    /// Waits until something holds of the engine, looked at after each answer.
    pub(crate) fn wait_for<T>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&mut Inner) -> Option<T>,
    ) -> Option<T> {
        let deadline = self.clock.boot() + timeout;
        let mut inner = self.lock();
        loop {
            if let Some(found) = found(&mut inner) {
                return Some(found);
            }
            let left = deadline.checked_sub(self.clock.boot()).filter(|left| !left.is_zero())?;
            inner = self.heard.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits a moment for the catalogue, so that the first no already says which plan has what it denies.
    pub(crate) fn wait_for_catalogue(&self, longest: Duration) {
        self.wait_for(longest.min(CATALOGUE), |inner| inner.engine.can_explain().then_some(()));
    }

    /// Writes what is there, and ends the lanes. A call in flight may still come back; it finds nothing to change.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if inner.place.is_left() {
            return;
        }
        inner.counted = None;
        self.settle(&mut inner);
        inner.place = Place::Left;
        drop(inner);
        self.transport.hang_up();
        self.board.close();
        self.tell_waiting();
        self.nudge();
        self.recorded();
    }

    pub(crate) fn closed(&self) -> bool {
        self.lock().place.is_left()
    }

    /// Takes what the host told, now rather than within a second.
    pub(crate) fn take_counts(&self) {
        let mut inner = self.lock();
        inner.counted = None;
        self.settle(&mut inner);
    }

    /// Forgets the lease, on disk too, and then gives the slot back.
    pub(crate) fn deactivate(&self) {
        if let Some(request) = self.deactivation() {
            self.exchange(&request);
        }
    }

    /// Forgets the lease, on disk too; what is to be sent then, where there is a slot to give back.
    pub(crate) fn deactivation(&self) -> Option<Request> {
        let draw = self.random.draw()?;
        let mut inner = self.lock();
        let request = inner.engine.deactivation(self.reading(), &draw);
        self.settle(&mut inner);
        request
    }

    /// Ends as a killed process does: nothing more is written, and the directory is free.
    #[cfg(feature = "simulation")]
    pub(crate) fn kill(&self) {
        self.lock().place = Place::Left;
    }
}

/// Waits until there is news, which is then taken; the flag is there for what is told while nobody waits.
fn wait_for_news((news, told): &(Mutex<bool>, Condvar), wait: Duration) {
    let news = news.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = told.wait_timeout_while(news, wait, |news| !*news);
    *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
}

fn tell_news((news, told): &(Mutex<bool>, Condvar)) {
    *news.lock().unwrap_or_else(PoisonError::into_inner) = true;
    told.notify_all();
}
