//! Shutdown is a value that is passed in; background tasks are awaited.

use std::{future::Future, time::Duration};

use tokio::{sync::watch, task::JoinSet};

/// Tells every holder of a clone to stop.
#[derive(Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// The other half: asks for the stop. Dropping it asks as well.
pub struct Stop(watch::Sender<bool>);

/// A shutdown that was not asked for yet, and what asks for it.
pub fn shutdown() -> (Stop, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Shutdown(receiver))
}

impl Stop {
    /// Asks for the stop.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns when the stop was asked for.
    pub async fn asked(&mut self) {
        // An error means that the other half is gone, which asks as well.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

/// The tasks of one server: none outlives it unseen, and a panic in one is reported.
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

    /// LongPollSlots for all, at most this long; then ends what is left and says how many that were.
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
