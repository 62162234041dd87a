//! Tells those who wait that a license changed.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use kaching_base::LicenseId;
use tokio::sync::watch;

/// The revisions that this process committed, for those who wait on them.
#[derive(Default)]
pub(crate) struct Changes {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    newest: HashMap<LicenseId, watch::Sender<i64>>,
    /// Senders without listeners are swept when there are this many: twice as many as the last sweep left.
    sweep_at: usize,
}

impl Changes {
    /// A license's revision was raised, and that is committed.
    pub(crate) fn publish(&self, license: LicenseId, revision: i64) {
        let waiting = self.waiting.lock().expect("nothing panics while it is held");
        if let Some(sender) = waiting.newest.get(&license) {
            sender.send_modify(|newest| *newest = revision.max(*newest));
        }
    }

    /// Listens from now on: subscribe first, then look, so that nothing falls between.
    pub(crate) fn subscribe(&self, license: LicenseId) -> watch::Receiver<i64> {
        let mut waiting = self.waiting.lock().expect("nothing panics while it is held");
        if waiting.newest.len() >= waiting.sweep_at {
            waiting.newest.retain(|_, sender| sender.receiver_count() > 0);
            waiting.sweep_at = (waiting.newest.len() * 2).max(1024);
        }
        waiting.newest.entry(license).or_insert_with(|| watch::channel(0).0).subscribe()
    }
}

/// Waits until something is published, or the time is over.
pub(crate) async fn wait(receiver: &mut watch::Receiver<i64>, longest: Duration) {
    let _ = tokio::time::timeout(longest, receiver.changed()).await;
}
