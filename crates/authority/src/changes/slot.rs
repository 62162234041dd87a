//! What waits before one listener: one thing at most, however slow it is.

use std::sync::{Arc, Mutex, MutexGuard};

use kaching_base::{ActivationId, Timestamp};
use tokio::sync::Notify;

use super::{Heard, News};

/// How one listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Until the connection ends. An activation has one stream: a newer one ends the older.
    Stream,
    /// Until something is told.
    Question,
}

pub(super) struct Slot {
    pub(super) activation: ActivationId,
    pub(super) manner: Manner,
    state: Mutex<State>,
    wake: Notify,
}

struct State {
    /// Taken when the listener last began to look: what was looked up before that is nothing new to it.
    mark: u64,
    /// When the clock alone changes what this activation may do.
    due: Option<Timestamp>,
    pending: Pending,
}

enum Pending {
    Nothing,
    /// For all of the license: the next one replaces it.
    General(Arc<News>),
    /// For this activation: the next one replaces it.
    Own(Arc<News>),
    /// More than one thing happened, or nobody knows what: look.
    Anew,
    Ended,
}

/// Whom a piece of news is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    License,
    Activation,
}

impl Slot {
    pub(super) fn new(activation: ActivationId, manner: Manner, mark: u64) -> Self {
        let state = State { mark, due: None, pending: Pending::Nothing };
        Self { activation, manner, state: Mutex::new(state), wake: Notify::new() }
    }

    /// The listener begins to look: whatever waits for it is in what it will find.
    pub(super) fn begin_look(&self, mark: u64) {
        let mut state = self.state();
        state.mark = mark;
        if !matches!(state.pending, Pending::Ended) {
            state.pending = Pending::Nothing;
        }
    }

    pub(super) fn set_due(&self, due: Option<Timestamp>) {
        self.state().due = due;
    }

    /// Puts news before the listener that were looked up after `mark` was taken.
    pub(super) fn put(&self, reach: Reach, news: &Arc<News>, mark: u64) {
        let mut state = self.state();
        if state.mark > mark {
            return;
        }
        state.pending = match (&state.pending, reach) {
            (Pending::Nothing | Pending::General(_), Reach::License) => Pending::General(Arc::clone(news)),
            (Pending::Nothing | Pending::Own(_), Reach::Activation) => Pending::Own(Arc::clone(news)),
            // One does not hold what the other says.
            (Pending::Own(_), Reach::License) | (Pending::General(_), Reach::Activation) => Pending::Anew,
            (Pending::Anew | Pending::Ended, _) => return,
        };
        drop(state);
        self.wake.notify_one();
    }

    /// Has the listener look anew.
    pub(super) fn look_anew(&self) {
        let mut state = self.state();
        if !matches!(state.pending, Pending::Ended) {
            state.pending = Pending::Anew;
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Has it look anew if its time has come; else says when that will be.
    pub(super) fn look_if_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.state();
        let due = state.due?;
        if due > now {
            return Some(due);
        }
        state.due = None;
        drop(state);
        self.look_anew();
        None
    }

    pub(super) fn end(&self) {
        self.state().pending = Pending::Ended;
        self.wake.notify_one();
    }

    /// Waits until there is something, and takes it. May be dropped and called again.
    pub(super) async fn heard(&self) -> Heard {
        loop {
            if let Some(heard) = self.take() {
                return heard;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Option<Heard> {
        let mut state = self.state();
        let pending = std::mem::replace(&mut state.pending, Pending::Nothing);
        match pending {
            Pending::Nothing => None,
            Pending::General(news) | Pending::Own(news) => Some(Heard::News(news)),
            Pending::Anew => Some(Heard::Anew),
            Pending::Ended => {
                state.pending = Pending::Ended;
                Some(Heard::Ended)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }
}
