//! The state on disk: the identity that it belongs to, the time of the next write, and the result of the last one.

use std::time::Duration;

use kaching_license::Digest;

use super::record::{EnteredKey, Record};

/// The state on disk, apart from its contents.
pub(super) struct DiskState {
    identity: Digest,
    entered: Option<EnteredKey>,
    before: Option<Box<Record>>,
    /// Something changed that no other part of the engine keeps.
    changed: bool,
    /// When the time was last marked, on the boot clock.
    marked: Duration,
    /// Why the state could not be written the last time.
    trouble: Option<String>,
    /// Whether a start on the state on disk would run.
    permits: bool,
}

impl DiskState {
    /// The time is marked immediately, so that a process that is ended again and again does not stop it.
    pub(super) fn new(identity: Digest, now: Duration) -> Self {
        Self {
            identity,
            entered: None,
            before: None,
            changed: true,
            marked: now,
            trouble: None,
            permits: false,
        }
    }

    pub(super) fn load(
        &mut self,
        identity: Digest,
        entered: Option<EnteredKey>,
        before: Option<Box<Record>>,
        permits: bool,
    ) {
        (self.identity, self.entered, self.before, self.permits) = (identity, entered, before, permits);
    }

    /// Returns a record of this installation without its contents.
    pub(super) fn record(&self) -> Record {
        let (entered, before) = (self.entered.clone(), self.before.clone());
        Record { entered, before, ..Record::new(self.identity) }
    }

    /// Switches to the state of a key that was entered.
    pub(super) fn enter(&mut self, identity: Digest, entered: EnteredKey) {
        (self.identity, self.entered, self.before) = (identity, Some(entered), None);
        self.changed = true;
    }

    /// The identity that the program itself was configured with.
    pub(super) fn configured(&self) -> Digest {
        self.entered.as_ref().map_or(self.identity, |entered| entered.instead_of)
    }

    /// Forgets the state of another key or fingerprint, which is no longer needed.
    pub(super) fn forget_before(&mut self) {
        self.changed |= self.before.take().is_some();
    }

    pub(super) fn change(&mut self, changed: bool) {
        self.changed |= changed;
    }

    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Returns when the time is to be marked again.
    pub(super) fn mark_due(&self, interval: Duration) -> Duration {
        self.marked + interval
    }

    pub(super) fn mark(&mut self, now: Duration) {
        self.marked = now;
    }

    /// Notes whether the state is on disk now; `permits` says whether a start on it would run.
    pub(super) fn written(&mut self, outcome: Result<(), String>, permits: bool) {
        if outcome.is_ok() {
            (self.permits, self.changed) = (permits, false);
        }
        self.trouble = outcome.err();
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Notes that the state was removed from the disk.
    pub(super) fn removed(&mut self) {
        self.permits = false;
    }

    pub(super) fn permits(&self) -> bool {
        self.permits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_state_to_be_written() {
        let now = Duration::from_secs(5);
        let mut disk = DiskState::new(Digest::of("one"), now);
        assert!(disk.is_changed(), "the time is marked immediately");
        disk.written(Ok(()), true);
        assert!(!disk.is_changed() && disk.permits());
        disk.change(true);
        disk.written(Err("no room".to_owned()), false);
        assert!(disk.is_changed() && disk.permits(), "the old state is still there");
        assert_eq!(disk.trouble(), Some("no room"));
        disk.removed();
        assert!(!disk.permits());
        disk.written(Ok(()), false);
        assert_eq!(disk.trouble(), None);
    }
}
