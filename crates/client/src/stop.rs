//! What happens when a guard stops its host, besides every check's no.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use kaching_base::Timestamp;

use crate::{
    clock::Clock,
    state::{Board, State, Watch},
};

/// What a host wants to be told.
pub(crate) type Callback = Arc<dyn Fn(&State) + Send + Sync>;

/// What to do when nothing may run any more.
#[derive(Default)]
pub(crate) struct Stops {
    callbacks: Mutex<Vec<Callback>>,
    exit_after: Option<Duration>,
    /// Whether the last state told was a stop; nothing while the start is not settled, which tells itself.
    stopped: Mutex<Option<bool>>,
    /// The last change that the callbacks were told of, and when they were done, on the boot clock.
    acted: Arc<Mutex<Option<(Timestamp, Duration)>>>,
}

/// A change that callbacks are told of, whose end is to be noted.
pub(crate) struct Acted {
    change: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Acted {
    pub(crate) fn new(change: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { change, clock }
    }
}

impl Stops {
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

    /// The guard has started, perhaps without a license: from now on a stop is told.
    pub(crate) fn arm(&self, stopped: bool) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
    }

    /// The change that callbacks are done with, and since when, told once.
    pub(crate) fn acted(&self) -> Option<(Timestamp, Duration)> {
        self.acted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes the news of a state; whether callbacks are told. They run on a thread of its own, which may take its time
    /// or panic.
    pub(crate) fn told(&self, state: &State, board: &Arc<Board>, change: Option<Acted>) -> bool {
        let no = matches!(state, State::Refused { .. } | State::Unknown { .. });
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = stopped.as_mut() else { return false };
        if std::mem::replace(before, no) || !no {
            return false;
        }
        drop(stopped);
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if callbacks.is_empty() && self.exit_after.is_none() {
            return false;
        }
        let acted = Arc::clone(&self.acted);
        let (state, exit_after, watch) = (state.clone(), self.exit_after, Watch::new(Arc::clone(board)));
        let tell = move || {
            // The exit does not wait for a callback that never returns.
            let told = thread::Builder::new().name("kaching-on-stop".to_owned()).spawn(move || {
                for callback in callbacks {
                    callback(&state);
                }
                if let Some(Acted { change, clock }) = change {
                    let done = (change, clock.boot());
                    acted.lock().unwrap_or_else(PoisonError::into_inner).replace(done);
                }
            });
            drop(told);
            if let Some(timeout) = exit_after {
                exit(watch, timeout);
            }
        };
        if let Err(error) = thread::Builder::new().name("kaching-stop".to_owned()).spawn(tell) {
            tracing::error!(%error, "no thread to tell a stop on");
        }
        true
    }
}

/// Ends the process, unless the license runs again within the time.
fn exit(mut watch: Watch, timeout: Duration) {
    let runs = |state: &State| !matches!(state, State::Refused { .. } | State::Unknown { .. });
    if watch.until(timeout, runs).is_none() && !watch.closed() {
        tracing::error!(
            "the license does not allow to run on: ending the process, as its host has asked for"
        );
        #[expect(clippy::disallowed_methods, reason = "the host has asked for exactly this with stop_with")]
        std::process::exit(1);
    }
}
