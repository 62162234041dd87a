use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kaching_base::Timestamp;
use kaching_license::RefusalCode;

use crate::Warning;

/// The state of a guard. It decides what checks answer; [`Watch`] returns every change of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Runs on a lease, in contact with the authority.
    Active {
        /// How changes reach it.
        via: Via,
    },
    /// Runs on its last lease, without contact.
    Offline {
        /// The last moment at which it may run without contact.
        until: Timestamp,
    },
    /// The license has ended, and runs on in its expiry grace.
    Expiring {
        /// The last moment at which it may run unless it is renewed.
        until: Timestamp,
    },
    /// It may not run as before, and its license says to go on in part (`degrade`) or only to warn (`advise`).
    Degraded {
        /// The code of the refusal; `None` where the time without contact has ended.
        code: Option<RefusalCode>,
        /// Whether everything keeps running (`advise`), or only the features that the license keeps (`degrade`).
        in_full: bool,
    },
    /// The authority refuses it, signed. It keeps asking, so that it runs again without a restart.
    Refused {
        /// Why.
        code: RefusalCode,
    },
    /// There is no statement that says yes, and none that says no.
    Unknown {
        /// Why: a sentence.
        why: String,
    },
}

/// How changes of a license reach a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// The authority sends them immediately, on a stream that it keeps open.
    Stream,
    /// A poll that waits at the authority, where no stream lives: within a second.
    LongPoll,
    /// Polls every 20 to 30 seconds, where the network lets no poll wait.
    Polling,
    /// Another process or node of this installation renews the lease, and this one follows it.
    Holder,
}

impl State {
    /// Whether the product runs in full.
    pub fn runs(&self) -> bool {
        matches!(self, Self::Active { .. } | Self::Offline { .. } | Self::Expiring { .. })
    }

    /// The state in one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active { .. } => "active",
            Self::Offline { .. } => "offline",
            Self::Expiring { .. } => "expiring",
            Self::Degraded { .. } => "degraded",
            Self::Refused { .. } => "refused",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active { via: Via::Stream } => f.write_str("active"),
            Self::Active { via: Via::LongPoll } => f.write_str("active, asking for changes"),
            Self::Active { via: Via::Polling } => {
                f.write_str("active, asking for changes every 20 to 30 seconds")
            }
            Self::Active { via: Via::Holder } => {
                f.write_str("active, on the lease that another process renews")
            }
            Self::Offline { until } => write!(f, "without contact, runs on until {until}"),
            Self::Expiring { until } => write!(f, "the license has ended, runs on until {until}"),
            Self::Degraded { code, in_full } => {
                let how = if *in_full { "runs on in full, though not in order" } else { "runs in part" };
                write!(f, "{how} ({})", code.as_ref().map_or("no contact", RefusalCode::as_str))
            }
            Self::Refused { code } => write!(f, "refused ({code})"),
            Self::Unknown { why } => f.write_str(why),
        }
    }
}

/// The present state, shared by the guard that sets it and the watches that read it.
#[derive(Debug)]
pub(crate) struct StateCell {
    current: Mutex<Current>,
    changed: Condvar,
    #[cfg(feature = "async")]
    notify: tokio::sync::Notify,
}

/// The state and the warnings that watches see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) warnings: Vec<Warning>,
}

#[derive(Debug)]
struct Current {
    snapshot: Snapshot,
    version: u64,
    closed: bool,
}

impl StateCell {
    pub(crate) fn new(snapshot: Snapshot) -> Arc<Self> {
        let current = Mutex::new(Current { snapshot, version: 0, closed: false });
        Arc::new(Self {
            current,
            changed: Condvar::new(),
            #[cfg(feature = "async")]
            notify: tokio::sync::Notify::new(),
        })
    }

    fn notify(&self) {
        self.changed.notify_all();
        #[cfg(feature = "async")]
        self.notify.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the state and the warnings, and returns whether the state has changed.
    pub(crate) fn set(&self, snapshot: Snapshot) -> bool {
        let mut current = self.lock();
        if current.snapshot == snapshot {
            return false;
        }
        let before = std::mem::replace(&mut current.snapshot, snapshot);
        for warning in current.snapshot.warnings.iter().filter(|warning| !before.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        current.version += 1;
        let changed = before.state != current.snapshot.state;
        drop(current);
        self.notify();
        changed
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.notify();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.lock().snapshot.clone()
    }
}

/// Follows the state of a guard.
#[derive(Clone, Debug)]
pub struct Watch {
    cell: Arc<StateCell>,
    seen: u64,
}

impl Watch {
    /// The present state is the first that it returns.
    pub(crate) fn new(cell: Arc<StateCell>) -> Self {
        Self { cell, seen: u64::MAX }
    }

    /// Returns the present state.
    pub fn state(&self) -> State {
        self.cell.snapshot().state
    }

    /// Returns the warnings for people.
    pub fn warnings(&self) -> Vec<Warning> {
        self.cell.snapshot().warnings
    }

    /// Whether the guard is shut down, so that nothing changes any more.
    pub fn closed(&self) -> bool {
        self.cell.lock().closed
    }

    /// Waits for a state, or for warnings, that it has not returned yet. A state that passes quickly may be skipped, the
    /// last never is. Returns `None` once the guard is shut down, or after `timeout`.
    pub fn next(&mut self, timeout: Duration) -> Option<State> {
        let seen = self.seen;
        let unchanged = |current: &mut Current| current.version == seen && !current.closed;
        let current = self.cell.lock();
        let waited = self.cell.changed.wait_timeout_while(current, timeout, unchanged);
        let (current, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if current.version == seen {
            return None;
        }
        self.seen = current.version;
        Some(current.snapshot.state.clone())
    }

    /// As [`next`](Self::next), without blocking the task and without a timeout. Returns `None` once the guard is shut
    /// down. It can be dropped and called again without missing a state. Needs the feature `async`.
    #[cfg(feature = "async")]
    pub async fn changed(&mut self) -> Option<State> {
        let cell = Arc::clone(&self.cell);
        loop {
            let mut notified = std::pin::pin!(cell.notify.notified());
            // A change between the look and the wait ends the wait, too.
            notified.as_mut().enable();
            if let Some(state) = self.next(Duration::ZERO) {
                return Some(state);
            }
            if self.closed() {
                return None;
            }
            notified.await;
        }
    }

    /// Waits until a state is as wanted. Returns `None` once the guard is shut down, or after `timeout`.
    pub fn until(&mut self, timeout: Duration, wanted: impl Fn(&State) -> bool) -> Option<State> {
        let other = |current: &mut Current| !wanted(&current.snapshot.state) && !current.closed;
        let current = self.cell.lock();
        let waited = self.cell.changed.wait_timeout_while(current, timeout, other);
        let (current, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.seen = current.version;
        wanted(&current.snapshot.state).then(|| current.snapshot.state.clone())
    }
}
