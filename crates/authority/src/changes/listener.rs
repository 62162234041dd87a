use std::sync::Arc;

use kaching_base::Timestamp;

use super::{News, slot::Slot, topics::Topics};
use crate::watching::Bearer;

/// One who listens for changes of its own license and activation, until it is dropped.
pub struct Listener {
    bearer: Bearer,
    slot: Arc<Slot>,
    topics: Arc<Topics>,
}

/// What a listener is told.
#[derive(Debug)]
pub enum Heard {
    /// This happened.
    News(Arc<News>),
    /// Something may have happened: only a look at the present state says what.
    Anew,
    /// Nothing more comes: a newer stream took its place, or the process stops.
    Ended,
}

impl Listener {
    pub(super) fn new(topics: Arc<Topics>, bearer: Bearer, slot: Arc<Slot>) -> Self {
        Self { bearer, slot, topics }
    }

    /// Who listens.
    pub fn bearer(&self) -> Bearer {
        self.bearer
    }

    /// Waits for what comes next. The future may be dropped and asked for again: nothing is lost.
    pub async fn heard(&self) -> Heard {
        let heard = self.slot.heard().await;
        if let Heard::Anew = heard {
            self.topics.looks_anew();
        }
        heard
    }

    /// What the listener reads from now on holds all that was told so far.
    pub(crate) fn begin_look(&self) {
        self.slot.begin_look(self.topics.mark());
    }

    /// When the clock alone will change what was seen: of the license, and of this activation.
    pub(crate) fn looked(&self, license: Option<Timestamp>, own: Option<Timestamp>) {
        self.slot.set_due(own);
        self.topics.set_due(self.bearer.license, license, own);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.topics.remove(self.bearer.license, &self.slot);
    }
}
