use std::sync::OnceLock;

use bytes::Bytes;
use kaching_base::{Seconds, Timestamp};

/// What one who waits is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The license's revision.
    pub rev: i64,
    /// The authority's epoch: revisions are compared within one.
    pub epoch: u64,
    /// A pushed refusal, where it must stop.
    pub refusal: Option<String>,
    /// Where it is not what the lease says: a heartbeat that asks should come at a random moment within this.
    pub within_ms: Option<u64>,
    /// The moment of the change, where it was one that brought this.
    pub at: Option<Timestamp>,
}

/// A change that many are told of: it is signed once and written out once.
#[derive(Debug)]
pub struct News {
    change: Change,
    made_at: Timestamp,
    bytes: OnceLock<Bytes>,
}

/// A pushed refusal counts for 60 seconds; the second half of that is left to those who receive it.
pub(crate) const FRESH: Seconds = Seconds(30);

impl News {
    pub(super) fn new(change: Change, made_at: Timestamp) -> Self {
        Self { change, made_at, bytes: OnceLock::new() }
    }

    /// What is told.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// How `write` puts it, which is asked once for all who are told.
    pub fn bytes(&self, write: impl FnOnce(&Change) -> Vec<u8>) -> Bytes {
        self.bytes.get_or_init(|| write(&self.change).into()).clone()
    }

    /// Whether it may still be sent: whoever was too slow for it looks anew.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.made_at + FRESH
    }
}
