//! Tells those who listen what changes, on whatever replica it was committed.
//!
//! Each change takes a number as the last thing that its transaction does, so that numbers are in the order of the
//! commits. One task of each process reads what is above the last number that it knows, looks at each license once,
//! signs once, and puts the same piece of news before all that listen. What waits before a listener is one thing at
//! most: whoever is slow, or was left out, looks anew.

mod follow;
mod listener;
mod metrics;
mod news;
mod slot;
pub(crate) mod sql;
mod topics;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

pub(crate) use follow::forget_old;
pub use listener::{Heard, Listener};
pub(crate) use metrics::Metrics;
pub(crate) use news::FRESH;
pub use news::{Change, News};
pub use slot::Manner;
use topics::Topics;

use crate::watching::Bearer;

/// The listeners of this process, and how far it has read.
pub(crate) struct Changes {
    topics: Arc<Topics>,
    /// Something was committed here: no need to wait for the next look.
    woken: Notify,
    /// Owned by the one task that follows.
    seen: tokio::sync::Mutex<sql::Mark>,
    /// Listeners that look at the same moment; the others wait, so that the readers are there for other calls, too.
    looks: Semaphore,
    metrics: Metrics,
}

const LOOKS: usize = 32;

impl Changes {
    /// `seen` is how far the changes went when the process began: nobody listened before.
    pub(crate) fn new(metrics: Metrics, seen: sql::Mark) -> Self {
        Self {
            topics: Arc::new(Topics::new(metrics.clone())),
            woken: Notify::new(),
            seen: tokio::sync::Mutex::new(seen),
            looks: Semaphore::new(LOOKS),
            metrics,
        }
    }

    /// For an authority to which nobody can listen.
    pub(crate) fn unheard() -> Self {
        Self::new(Metrics::register(&mut Registry::default()), sql::Mark::default())
    }

    pub(crate) fn listen(&self, bearer: Bearer, manner: Manner) -> Listener {
        self.topics.listen(bearer, manner)
    }

    /// A change was committed by this process.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// A refusal was signed to be pushed.
    pub(crate) fn signed_one(&self) {
        self.metrics.signed.inc();
    }

    /// A listener's turn to look; nothing only where the process ends.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.looks.acquire().await.ok()
    }
}
