//! Waiting for a change of one's own license.

use kaching_base::{ActivationId, LicenseId};

/// Who shows a lease of ours that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub license: LicenseId,
    pub activation: ActivationId,
    /// The license's revision when the lease was signed.
    pub rev: i64,
}

/// What a client that waited is told.
pub struct Change {
    /// The license's present revision.
    pub rev: i64,
    /// A pushed refusal, where it must stop.
    pub refusal: Option<String>,
    /// Where the revision is above its own: the heartbeat should come at a random moment within this.
    pub within_ms: Option<u64>,
}
