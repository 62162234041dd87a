use std::time::Duration;

use kaching_base::Timestamp;
use serde::Deserialize;

/// The longest time over which an authority spreads the heartbeats after a change.
const LONGEST_SPREAD: Duration = Duration::from_secs(60);

/// An event of a stream, or the answer to a poll. It is not signed.
#[derive(Debug, Deserialize)]
pub(super) struct ChangeEvent {
    /// The license's present revision; none in a ping.
    pub(super) rev: Option<u64>,
    pub(super) epoch: Option<u64>,
    /// A signed refusal.
    pub(super) refusal: Option<String>,
    within_ms: Option<u64>,
    /// The moment of the change.
    pub(super) at: Option<Timestamp>,
    /// The authority's clock.
    pub(super) now: Option<Timestamp>,
    /// In the last event of a stream: why the authority ends it.
    pub(super) ends: Option<String>,
}

impl ChangeEvent {
    /// Returns the time within which a heartbeat has to follow.
    pub(super) fn spread(&self) -> Duration {
        Duration::from_millis(self.within_ms.unwrap_or(0)).min(LONGEST_SPREAD)
    }
}
