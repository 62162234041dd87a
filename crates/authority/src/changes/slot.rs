//! The slot of one listener, which holds at most one notification, however slow the listener is.

use std::sync::{Arc, Mutex, MutexGuard};

use kaching_base::{ActivationId, Timestamp};
use tokio::sync::Notify;

use super::{ListenMode, News, Notification};

pub(super) struct Slot {
    pub(super) activation: ActivationId,
    pub(super) mode: ListenMode,
    state: Mutex<SlotState>,
    wake: Notify,
}

struct SlotState {
    /// When the listener began its last snapshot: news that were read before are in it.
    snapshot_sequence: u64,
    /// When the clock alone changes what this activation is allowed.
    due: Option<Timestamp>,
    pending: PendingNotification,
}

enum PendingNotification {
    Nothing,
    /// For all of the license: the next one replaces it.
    General(Arc<News>),
    /// For this activation: the next one replaces it.
    Own(Arc<News>),
    /// More than one change happened, or an unknown one.
    Resync,
    Ended,
}

/// The listeners that a piece of news concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    License,
    Activation,
}

impl Slot {
    pub(super) fn new(activation: ActivationId, mode: ListenMode, sequence: u64) -> Self {
        let state =
            SlotState { snapshot_sequence: sequence, due: None, pending: PendingNotification::Nothing };
        Self { activation, mode, state: Mutex::new(state), wake: Notify::new() }
    }

    /// Drops the notification that waits: the snapshot which begins now will contain it.
    pub(super) fn begin_snapshot(&self, sequence: u64) {
        let mut state = self.state();
        state.snapshot_sequence = sequence;
        if !matches!(state.pending, PendingNotification::Ended) {
            state.pending = PendingNotification::Nothing;
        }
    }

    pub(super) fn set_due(&self, due: Option<Timestamp>) {
        self.state().due = due;
    }

    /// Puts news into the slot that were read after `sequence` was taken.
    pub(super) fn put(&self, scope: Scope, news: &Arc<News>, sequence: u64) {
        let mut state = self.state();
        if state.snapshot_sequence > sequence {
            return;
        }
        state.pending = match (&state.pending, scope) {
            (PendingNotification::Nothing | PendingNotification::General(_), Scope::License) => {
                PendingNotification::General(Arc::clone(news))
            }
            (PendingNotification::Nothing | PendingNotification::Own(_), Scope::Activation) => {
                PendingNotification::Own(Arc::clone(news))
            }
            // Neither contains the other.
            (PendingNotification::Own(_), Scope::License)
            | (PendingNotification::General(_), Scope::Activation) => PendingNotification::Resync,
            (PendingNotification::Resync | PendingNotification::Ended, _) => return,
        };
        drop(state);
        self.wake.notify_one();
    }

    /// Has the listener take a new snapshot.
    pub(super) fn resync(&self) {
        let mut state = self.state();
        if !matches!(state.pending, PendingNotification::Ended) {
            state.pending = PendingNotification::Resync;
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Has the listener take a new snapshot if that is due, or returns when it will be.
    pub(super) fn resync_if_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.state();
        let due = state.due?;
        if due > now {
            return Some(due);
        }
        state.due = None;
        drop(state);
        self.resync();
        None
    }

    pub(super) fn end(&self) {
        self.state().pending = PendingNotification::Ended;
        self.wake.notify_one();
    }

    /// Waits for a notification and takes it. The future may be dropped and asked for again.
    pub(super) async fn next(&self) -> Notification {
        loop {
            if let Some(notification) = self.take() {
                return notification;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Option<Notification> {
        let mut state = self.state();
        let pending = std::mem::replace(&mut state.pending, PendingNotification::Nothing);
        match pending {
            PendingNotification::Nothing => None,
            PendingNotification::General(news) | PendingNotification::Own(news) => {
                Some(Notification::News(news))
            }
            PendingNotification::Resync => Some(Notification::Resync),
            PendingNotification::Ended => {
                state.pending = PendingNotification::Ended;
                Some(Notification::Ended)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::Change;

    fn news(rev: i64) -> Arc<News> {
        let change = Change { rev, epoch: 1, refusal: None, within_ms: None, at: None };
        Arc::new(News::new(change, Timestamp::from_seconds(0)))
    }

    fn slot() -> Slot {
        Slot::new(ActivationId::from_bytes([1; 16]), ListenMode::Stream, 5)
    }

    #[test]
    fn news_older_than_the_snapshot_are_dropped() {
        let slot = slot();
        slot.put(Scope::License, &news(1), 4);
        assert!(slot.take().is_none());
        slot.put(Scope::License, &news(1), 6);
        assert!(matches!(slot.take(), Some(Notification::News(_))));
        slot.put(Scope::License, &news(2), 7);
        slot.begin_snapshot(8);
        slot.put(Scope::Activation, &news(2), 7);
        assert!(slot.take().is_none(), "the snapshot that began contains it");
    }

    #[test]
    fn one_notification_waits_and_news_of_two_scopes_become_a_resync() {
        let slot = slot();
        (1..100).for_each(|rev| slot.put(Scope::License, &news(rev), 6));
        let taken = slot.take();
        assert!(matches!(taken, Some(Notification::News(news)) if news.change().rev == 99));
        slot.put(Scope::Activation, &news(1), 6);
        slot.put(Scope::License, &news(2), 6);
        slot.put(Scope::License, &news(3), 6);
        assert!(matches!(slot.take(), Some(Notification::Resync)));
        assert!(slot.take().is_none());
        slot.end();
        slot.resync();
        slot.begin_snapshot(9);
        assert!(matches!((slot.take(), slot.take()), (Some(Notification::Ended), Some(Notification::Ended))));
    }
}
