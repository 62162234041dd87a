//! The connection between a [`Db`](crate::Db) and the threads of its engine.

use crossbeam_channel::Sender;
use tokio::sync::{mpsc, watch};

use crate::{Error, job::Job};

/// The queues that the threads work through.
pub(crate) struct Queues {
    pub(crate) write: Sender<Job>,
    pub(crate) read: Sender<Job>,
}

/// The ends of an engine whose threads run.
pub(crate) struct Started {
    pub(crate) queues: Queues,
    /// Gets the error after which the database can no longer be trusted.
    pub(crate) fatal: watch::Receiver<Option<Error>>,
    /// Ends when every thread has ended.
    pub(crate) threads: mpsc::Receiver<()>,
}
