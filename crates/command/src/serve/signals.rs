use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// A received signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StopSignal {
    Term,
    Int,
}

/// The signals that ask a process to stop: SIGTERM and SIGINT.
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::refused(format!("Signals cannot be received here: {error}.")))
        };
        Ok(Self { term: listen(SignalKind::terminate())?, int: listen(SignalKind::interrupt())? })
    }

    /// Waits for SIGTERM or SIGINT.
    pub async fn requested(&mut self) {
        self.next().await;
    }

    /// As [`requested`](Self::requested), and says which it was.
    pub(super) async fn next(&mut self) -> StopSignal {
        let asked = tokio::select! {
            _ = self.term.recv() => StopSignal::Term,
            _ = self.int.recv() => StopSignal::Int,
        };
        tracing::info!("asked to stop by {}", if asked == StopSignal::Term { "SIGTERM" } else { "SIGINT" });
        asked
    }
}
