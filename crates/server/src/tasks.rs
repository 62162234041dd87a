//! Shutdown is a value that is passed in; background tasks are awaited.

use std::{future::Future, time::Duration};

use tokio::{sync::watch, task::JoinSet};

/// Tells every holder of a clone to stop.
#[derive(Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// The other half: requests the shutdown. Dropping it does so, too.
pub struct Stop(watch::Sender<bool>);

/// Returns a shutdown that was not requested yet, and its requester.
pub fn shutdown() -> (Stop, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Shutdown(receiver))
}

impl Stop {
    /// Requests the shutdown.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Waits until the shutdown is requested.
    pub async fn requested(&mut self) {
        // An error means that the other half was dropped, which also requests the shutdown.
        let _ = self.0.wait_for(|requested| *requested).await;
    }
}

/// The tasks of one server: none outlives it unnoticed, and a panic in one is reported.
#[derive(Default)]
pub(crate) struct Tasks(JoinSet<()>);

impl Tasks {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        // Tasks that have ended are removed, so that the set does not grow with every connection.
        while let Some(ended) = self.0.try_join_next() {
            report(ended);
        }
        self.0.spawn(task);
    }

    /// Waits for all tasks, at most this long; then ends the others and returns how many those were.
    pub(crate) async fn finish(mut self, longest: Duration) -> usize {
        let all = async {
            while let Some(ended) = self.0.join_next().await {
                report(ended);
            }
        };
        let _ = tokio::time::timeout(longest, all).await;
        let left = self.0.len();
        self.0.shutdown().await;
        left
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a task of the server panicked");
    }
}
