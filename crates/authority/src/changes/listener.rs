use std::sync::Arc;

use kaching_base::Timestamp;

use super::{ListenMode, Notification, slot::Slot, topics::Topics};
use crate::Bearer;

/// Listens for the changes of one license and activation until it is dropped.
pub struct Listener {
    bearer: Bearer,
    slot: Arc<Slot>,
    topics: Arc<Topics>,
}

impl Listener {
    pub(super) fn new(topics: Arc<Topics>, bearer: Bearer, mode: ListenMode) -> Self {
        let slot = topics.add(bearer, mode);
        Self { bearer, slot, topics }
    }

    /// Returns the installation that listens.
    pub fn bearer(&self) -> Bearer {
        self.bearer
    }

    /// Waits for the next notification. The future may be dropped and asked for again: none is lost.
    pub async fn next(&self) -> Notification {
        let notification = self.slot.next().await;
        if let Notification::Resync = notification {
            self.topics.count_resync();
        }
        notification
    }

    /// Drops news that the snapshot which is read from now on will contain.
    pub(crate) fn begin_snapshot(&self) {
        self.slot.begin_snapshot(self.topics.next_sequence());
    }

    /// Sets when the clock alone will change the snapshot: by the license, and by this activation.
    pub(crate) fn set_due(&self, license: Option<Timestamp>, own: Option<Timestamp>) {
        self.slot.set_due(own);
        self.topics.set_due(self.bearer.license, license, own);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.topics.remove(self.bearer.license, &self.slot);
    }
}
