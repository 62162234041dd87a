//! Notifies listeners of changes, whichever replica has committed them.
//!
//! Each change takes a number as the last thing that its transaction does, so that numbers are in the order of the
//! commits. One task of each process reads the changes above the last number that it knows, reads each license once,
//! signs once, and gives the same piece of news to all listeners. At most one notification waits for each listener: one
//! that is slow, or was left out, takes a new snapshot.

mod follow;
mod listener;
mod metrics;
mod news;
mod slot;
mod snapshot;
pub(crate) mod sql;
mod topics;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

pub(crate) use follow::forget_old;
pub use listener::Listener;
pub(crate) use metrics::ChangeMetrics;
pub(crate) use news::FRESH;
pub use news::{Change, News};
pub(crate) use snapshot::{Snapshot, due, own_due, spread};
use topics::Topics;

use crate::Bearer;

/// A message to a listener.
#[derive(Debug)]
pub enum Notification {
    News(Arc<News>),
    /// Something may have changed: only a new snapshot shows it.
    Resync,
    /// The last one: a newer stream has replaced this one, or the process stops.
    Ended,
}

/// The lifetime of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenMode {
    /// Until the connection ends. An activation has one stream: a newer one ends the older.
    Stream,
    /// Until the first notification.
    LongPoll,
}

/// The listeners of this process, and the position up to which it has read.
pub(crate) struct Changes {
    topics: Arc<Topics>,
    /// Wakes the task after a commit of this process.
    woken: Notify,
    /// Owned by the one task that follows.
    position: tokio::sync::Mutex<sql::ChangePosition>,
    /// Bounds the snapshots that are taken at the same time, so that readers are left for other calls.
    snapshots: Semaphore,
    metrics: ChangeMetrics,
}

const SNAPSHOTS: usize = 32;

impl Changes {
    /// `position` is that of the newest change when the process began, before which it had no listeners.
    pub(crate) fn new(metrics: ChangeMetrics, position: sql::ChangePosition) -> Self {
        Self {
            topics: Arc::new(Topics::new(metrics.clone())),
            woken: Notify::new(),
            position: tokio::sync::Mutex::new(position),
            snapshots: Semaphore::new(SNAPSHOTS),
            metrics,
        }
    }

    /// Returns the changes of an authority that has no listeners.
    pub(crate) fn without_listeners() -> Self {
        Self::new(ChangeMetrics::register(&mut Registry::default()), sql::ChangePosition::default())
    }

    pub(crate) fn listen(&self, bearer: Bearer, mode: ListenMode) -> Listener {
        Listener::new(Arc::clone(&self.topics), bearer, mode)
    }

    /// Has the task read a change that this process has committed.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Counts a refusal that was signed to be pushed.
    pub(crate) fn signed_one(&self) {
        self.metrics.signed.inc();
    }

    /// Waits for a listener's turn to take a snapshot; `None` only where the process ends.
    pub(crate) async fn snapshot_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.snapshots.acquire().await.ok()
    }
}
