use std::sync::OnceLock;

use bytes::Bytes;
use kaching_base::{Seconds, Timestamp};

/// A change as a listener receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The license's revision.
    pub rev: i64,
    /// The authority's epoch: revisions are compared within one.
    pub epoch: u64,
    /// A pushed refusal, where it must stop.
    pub refusal: Option<String>,
    /// Set where the lease has changed: the next heartbeat should be sent at a random moment within this time.
    pub within_ms: Option<u64>,
    /// The moment of the change; `None` in a snapshot.
    pub at: Option<Timestamp>,
}

/// A change for many listeners: signed once and serialized once.
#[derive(Debug)]
pub struct News {
    change: Change,
    made_at: Timestamp,
    bytes: OnceLock<Bytes>,
}

/// A pushed refusal counts for 60 seconds. It is sent only within the first half, so that time is left for its receiver.
pub(crate) const FRESH: Seconds = Seconds(30);

impl News {
    pub(super) fn new(change: Change, made_at: Timestamp) -> Self {
        Self { change, made_at, bytes: OnceLock::new() }
    }

    /// Returns the change.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Returns the change as `write` serializes it, which is called once for all listeners.
    pub fn bytes(&self, write: impl FnOnce(&Change) -> Vec<u8>) -> Bytes {
        self.bytes.get_or_init(|| write(&self.change).into()).clone()
    }

    /// Whether it may still be sent: a listener that was too slow for it takes a new snapshot.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.made_at + FRESH
    }
}
