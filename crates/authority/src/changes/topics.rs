//! The listeners of this process, by license and activation.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use kaching_base::{ActivationId, LicenseId, Timestamp};

use super::{ChangeMetrics, ListenMode, slot::Slot, sql::CommittedChange};
use crate::Bearer;

pub(super) struct Topics {
    licenses: Mutex<Licenses>,
    /// Puts snapshots, reads and listeners in an order.
    sequence: AtomicU64,
    metrics: ChangeMetrics,
}

#[derive(Default)]
struct Licenses {
    topics: HashMap<LicenseId, Topic>,
    /// The process stops, and accepts no listener any more.
    closed: bool,
}

#[derive(Default)]
struct Topic {
    slots: HashMap<ActivationId, Vec<Arc<Slot>>>,
    /// When the clock alone changes what the license allows.
    due: Option<Timestamp>,
    /// The first moment at which it changes what one of the listening activations is allowed.
    own_due: Option<Timestamp>,
}

/// The newest changes of a license that listeners here have to learn about, by their moments.
#[derive(Clone, Default)]
pub(super) struct Subscribed {
    /// For all of its activations.
    pub(super) general: Option<Timestamp>,
    /// For these activations.
    pub(super) own: BTreeMap<ActivationId, Timestamp>,
}

impl Topics {
    pub(super) fn new(metrics: ChangeMetrics) -> Self {
        Self { licenses: Mutex::default(), sequence: AtomicU64::new(1), metrics }
    }

    /// Takes the next number: a read that begins afterwards sees everything that was committed before.
    pub(super) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst)
    }

    /// Adds a listener.
    pub(super) fn add(&self, bearer: Bearer, mode: ListenMode) -> Arc<Slot> {
        let slot = Arc::new(Slot::new(bearer.activation, mode, self.next_sequence()));
        let mut licenses = self.licenses();
        if licenses.closed {
            slot.end();
        }
        let topic = licenses.topics.entry(bearer.license).or_default();
        let own = topic.slots.entry(bearer.activation).or_default();
        if mode == ListenMode::Stream {
            own.iter().filter(|older| older.mode == ListenMode::Stream).for_each(|older| older.end());
        }
        own.push(Arc::clone(&slot));
        drop(licenses);
        self.metrics.listening.inc();
        slot
    }

    pub(super) fn remove(&self, license: LicenseId, slot: &Arc<Slot>) {
        let mut licenses = self.licenses();
        if let Some(topic) = licenses.topics.get_mut(&license) {
            if let Some(own) = topic.slots.get_mut(&slot.activation) {
                own.retain(|other| !Arc::ptr_eq(other, slot));
                if own.is_empty() {
                    topic.slots.remove(&slot.activation);
                }
            }
            if topic.slots.is_empty() {
                licenses.topics.remove(&license);
            }
        }
        drop(licenses);
        self.metrics.listening.dec();
    }

    pub(super) fn set_due(&self, license: LicenseId, due: Option<Timestamp>, own: Option<Timestamp>) {
        if let Some(topic) = self.licenses().topics.get_mut(&license) {
            topic.due = due;
            topic.own_due = own.into_iter().chain(topic.own_due).min();
        }
    }

    /// Returns the licenses that the clock alone has changed for all listeners. Activations that it has changed are
    /// resynchronized.
    pub(super) fn due(&self, now: Timestamp) -> BTreeMap<LicenseId, Subscribed> {
        let mut due = BTreeMap::new();
        for (license, topic) in &mut self.licenses().topics {
            // It stays due until it has been read.
            if let Some(at) = topic.due.filter(|at| *at <= now) {
                due.insert(*license, Subscribed { general: Some(at), own: BTreeMap::new() });
            }
            if topic.own_due.take_if(|at| *at <= now).is_some() {
                topic.own_due =
                    topic.slots.values().flatten().filter_map(|slot| slot.resync_if_due(now)).min();
            }
        }
        due
    }

    /// Returns those of these changes for which there are listeners here.
    pub(super) fn subscribed(&self, rows: &[CommittedChange]) -> BTreeMap<LicenseId, Subscribed> {
        let mut subscribed: BTreeMap<LicenseId, Subscribed> = BTreeMap::new();
        let licenses = self.licenses();
        for row in rows {
            let Some(topic) = licenses.topics.get(&row.license) else { continue };
            match row.activation {
                None => subscribed.entry(row.license).or_default().general = Some(row.at),
                Some(id) if topic.slots.contains_key(&id) => {
                    subscribed.entry(row.license).or_default().own.insert(id, row.at);
                }
                Some(_) => {}
            }
        }
        subscribed
    }

    pub(super) fn count_resync(&self) {
        self.metrics.resyncs.inc();
    }

    pub(super) fn of_license(&self, license: LicenseId) -> Vec<Arc<Slot>> {
        let licenses = self.licenses();
        licenses
            .topics
            .get(&license)
            .into_iter()
            .flat_map(|topic| topic.slots.values().flatten().cloned())
            .collect()
    }

    pub(super) fn of_activation(&self, license: LicenseId, activation: ActivationId) -> Vec<Arc<Slot>> {
        let licenses = self.licenses();
        let own = licenses.topics.get(&license).and_then(|topic| topic.slots.get(&activation));
        own.cloned().unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Arc<Slot>> {
        self.licenses().topics.values().flat_map(|topic| topic.slots.values().flatten().cloned()).collect()
    }

    /// Ends all present and later listeners.
    pub(super) fn close(&self) {
        self.licenses().closed = true;
        self.all().iter().for_each(|slot| slot.end());
    }

    fn licenses(&self) -> MutexGuard<'_, Licenses> {
        self.licenses.lock().expect("nothing panics while it is held")
    }
}
