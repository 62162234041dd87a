use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kaching_base::Timestamp;
use kaching_license::RefusalCode;

use crate::Warning;

/// How a guard stands. What checks say follows from it; every change of it is told by [`Watch`].
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
    /// It may not run as before, and its license says to go on in part (`degrade`) or to tell only (`advise`).
    Degraded {
        /// The refusal; none where the time without contact has ended.
        code: Option<RefusalCode>,
        /// Whether everything goes on (`advise`), or only what the license keeps (`degrade`).
        in_full: bool,
    },
    /// The authority refuses it, signed. It keeps asking, so that reinstating needs no restart.
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
    /// The authority tells them, on a stream that it keeps open: at once.
    Stream,
    /// A question that waits at the authority, where no stream lives: within a second.
    LongPoll,
    /// Questions every 20 to 30 seconds, where nothing lets a question wait.
    Polling,
    /// Another process or node of this installation keeps the lease, and this one follows it.
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
                f.write_str("active, on the lease that another process keeps")
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

/// The present state, shared by whoever sets it and whoever watches.
#[derive(Debug)]
pub(crate) struct Board {
    desk: Mutex<Desk>,
    changed: Condvar,
    #[cfg(feature = "async")]
    heard: tokio::sync::Notify,
}

/// What watchers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) state: State,
    pub(crate) warnings: Vec<Warning>,
}

#[derive(Debug)]
struct Desk {
    shown: Shown,
    version: u64,
    closed: bool,
}

impl Board {
    pub(crate) fn new(shown: Shown) -> Arc<Self> {
        let desk = Mutex::new(Desk { shown, version: 0, closed: false });
        Arc::new(Self {
            desk,
            changed: Condvar::new(),
            #[cfg(feature = "async")]
            heard: tokio::sync::Notify::new(),
        })
    }

    fn tell(&self) {
        self.changed.notify_all();
        #[cfg(feature = "async")]
        self.heard.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows how the guard stands, and says whether the state is another one than before.
    pub(crate) fn show(&self, shown: Shown) -> bool {
        let mut desk = self.lock();
        if desk.shown == shown {
            return false;
        }
        for warning in shown.warnings.iter().filter(|warning| !desk.shown.warnings.contains(warning)) {
            tracing::warn!("{warning}");
        }
        let before = std::mem::replace(&mut desk.shown, shown);
        desk.version += 1;
        let news = before.state != desk.shown.state;
        drop(desk);
        self.tell();
        news
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.tell();
    }

    pub(crate) fn shown(&self) -> Shown {
        self.lock().shown.clone()
    }
}

/// Follows how a guard stands.
#[derive(Clone, Debug)]
pub struct Watch {
    board: Arc<Board>,
    seen: u64,
}

impl Watch {
    /// The present state is the first that it tells.
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self { board, seen: u64::MAX }
    }

    /// The present state.
    pub fn state(&self) -> State {
        self.board.shown().state
    }

    /// What people should look at.
    pub fn warnings(&self) -> Vec<Warning> {
        self.board.shown().warnings
    }

    /// Whether the guard is shut down, so that nothing more is told.
    pub fn closed(&self) -> bool {
        self.board.lock().closed
    }

    /// Waits for a state, or for warnings, that it has not told yet. What passes quickly may be skipped, the last never
    /// is. Nothing once the guard is shut down, or after `timeout`.
    pub fn next(&mut self, timeout: Duration) -> Option<State> {
        let seen = self.seen;
        let news = |desk: &mut Desk| desk.version == seen && !desk.closed;
        let desk = self.board.lock();
        let waited = self.board.changed.wait_timeout_while(desk, timeout, news);
        let (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if desk.version == seen {
            return None;
        }
        self.seen = desk.version;
        Some(desk.shown.state.clone())
    }

    /// As [`next`](Self::next), without blocking the task and without an end of its own. Nothing once the guard is shut
    /// down. It can be dropped and asked again: nothing is missed. Needs the feature `async`.
    #[cfg(feature = "async")]
    pub async fn changed(&mut self) -> Option<State> {
        let board = Arc::clone(&self.board);
        loop {
            let mut heard = std::pin::pin!(board.heard.notified());
            // What happens between the look and the wait is heard, too.
            heard.as_mut().enable();
            if let Some(state) = self.next(Duration::ZERO) {
                return Some(state);
            }
            if self.closed() {
                return None;
            }
            heard.await;
        }
    }

    /// Waits until a state is as wanted; nothing once the guard is shut down, or after `timeout`.
    pub fn until(&mut self, timeout: Duration, wanted: impl Fn(&State) -> bool) -> Option<State> {
        let other = |desk: &mut Desk| !wanted(&desk.shown.state) && !desk.closed;
        let desk = self.board.lock();
        let waited = self.board.changed.wait_timeout_while(desk, timeout, other);
        let (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.seen = desk.version;
        wanted(&desk.shown.state).then(|| desk.shown.state.clone())
    }
}
