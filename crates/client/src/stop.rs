//! Stopping the host: its callbacks, and the end of its process where it has asked for that.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use kaching_base::Timestamp;

use crate::{
    clock::Clock,
    state::{State, StateCell, Watch},
};

/// A callback of the host.
pub(crate) type Callback = Arc<dyn Fn(&State) + Send + Sync>;

/// The actions when nothing may run any more.
#[derive(Default)]
pub(crate) struct StopActions {
    callbacks: Mutex<Vec<Callback>>,
    exit_after: Option<Duration>,
    /// Whether the last state was a stop; `None` until the start is settled, whose outcome the host gets anyway.
    stopped: Mutex<Option<bool>>,
    /// The last change that the callbacks were called for, and when they were done, on the boot clock.
    acted: Arc<Mutex<Option<(Timestamp, Duration)>>>,
}

/// The change that callbacks are called for, to note when they are done.
pub(crate) struct TimedChange {
    change: Timestamp,
    clock: Arc<dyn Clock>,
}

impl TimedChange {
    pub(crate) fn new(change: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { change, clock }
    }
}

impl StopActions {
    pub(crate) fn new(callbacks: Vec<Callback>, exit_after: Option<Duration>) -> Self {
        Self {
            callbacks: Mutex::new(callbacks),
            exit_after,
            stopped: Mutex::new(None),
            acted: Arc::default(),
        }
    }

    pub(crate) fn add(&self, callback: Callback) {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).push(callback);
    }

    /// Notes that the guard has started, perhaps without a license: from now on, a stop is acted upon.
    pub(crate) fn arm(&self, stopped: bool) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
    }

    /// Returns once the change that callbacks are done with, and since when.
    pub(crate) fn take_acted(&self) -> Option<(Timestamp, Duration)> {
        self.acted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Acts on a change of state, and returns whether callbacks are called. They run on a thread of their own, since they
    /// may take long or panic.
    pub(crate) fn state_changed(
        &self,
        state: &State,
        cell: &Arc<StateCell>,
        change: Option<TimedChange>,
    ) -> bool {
        let stops = !allows_to_run(state);
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = stopped.as_mut() else { return false };
        if std::mem::replace(before, stops) || !stops {
            return false;
        }
        drop(stopped);
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if callbacks.is_empty() && self.exit_after.is_none() {
            return false;
        }
        let acted = Arc::clone(&self.acted);
        let (state, exit_after, watch) = (state.clone(), self.exit_after, Watch::new(Arc::clone(cell)));
        let stop = move || {
            // The exit does not wait for a callback that never returns.
            let called = thread::Builder::new().name("kaching-on-stop".to_owned()).spawn(move || {
                for callback in callbacks {
                    callback(&state);
                }
                if let Some(TimedChange { change, clock }) = change {
                    let done = (change, clock.boot());
                    acted.lock().unwrap_or_else(PoisonError::into_inner).replace(done);
                }
            });
            drop(called);
            if let Some(timeout) = exit_after {
                exit(watch, timeout);
            }
        };
        if let Err(error) = thread::Builder::new().name("kaching-stop".to_owned()).spawn(stop) {
            tracing::error!(%error, "no thread to call the host on");
        }
        true
    }
}

fn allows_to_run(state: &State) -> bool {
    !matches!(state, State::Refused { .. } | State::Unknown { .. })
}

/// Ends the process, unless the license runs again within the time.
fn exit(mut watch: Watch, timeout: Duration) {
    if watch.until(timeout, allows_to_run).is_none() && !watch.closed() {
        tracing::error!(
            "the license does not allow to run on: ending the process, as its host has asked for"
        );
        #[expect(clippy::disallowed_methods, reason = "the host has asked for exactly this with stop_with")]
        std::process::exit(1);
    }
}
