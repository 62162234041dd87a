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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::Change;

    fn news(rev: i64) -> Arc<News> {
        let change = Change { rev, epoch: 1, refusal: None, within_ms: None, at: None };
        Arc::new(News::new(change, Timestamp::from_seconds(0)))
    }

    fn slot() -> Slot {
        Slot::new(ActivationId::from_bytes([1; 16]), Manner::Stream, 5)
    }

    #[test]
    fn what_was_looked_up_before_the_listener_looked_is_nothing_new() {
        let slot = slot();
        slot.put(Reach::License, &news(1), 4);
        assert!(slot.take().is_none());
        slot.put(Reach::License, &news(1), 6);
        assert!(matches!(slot.take(), Some(Heard::News(_))));
        slot.put(Reach::License, &news(2), 7);
        slot.begin_look(8);
        slot.put(Reach::Activation, &news(2), 7);
        assert!(slot.take().is_none(), "the look that began holds it");
    }

    #[test]
    fn one_thing_waits_and_what_cannot_be_replaced_becomes_a_look() {
        let slot = slot();
        (1..100).for_each(|rev| slot.put(Reach::License, &news(rev), 6));
        let taken = slot.take();
        assert!(matches!(taken, Some(Heard::News(news)) if news.change().rev == 99));
        slot.put(Reach::Activation, &news(1), 6);
        slot.put(Reach::License, &news(2), 6);
        slot.put(Reach::License, &news(3), 6);
        assert!(matches!(slot.take(), Some(Heard::Anew)));
        assert!(slot.take().is_none());
        slot.end();
        slot.look_anew();
        slot.begin_look(9);
        assert!(matches!((slot.take(), slot.take()), (Some(Heard::Ended), Some(Heard::Ended))));
    }
}
