//! Who listens to what.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use kaching_base::{ActivationId, LicenseId, Timestamp};

use super::{Listener, Manner, Metrics, slot::Slot, sql::Row};
use crate::watching::Bearer;

pub(super) struct Topics {
    licenses: Mutex<Licenses>,
    /// Puts looks and listeners in an order.
    marks: AtomicU64,
    metrics: Metrics,
}

#[derive(Default)]
struct Licenses {
    topics: HashMap<LicenseId, Topic>,
    /// The process stops: nobody listens any more.
    closed: bool,
}

#[derive(Default)]
struct Topic {
    slots: HashMap<ActivationId, Vec<Arc<Slot>>>,
    /// When the clock alone changes what the license allows.
    due: Option<Timestamp>,
    /// The same of one of the activations that listen: the first such moment.
    own_due: Option<Timestamp>,
}

/// What is to be told of a license: the moments of the newest changes.
#[derive(Clone, Default)]
pub(super) struct Wanted {
    /// To all.
    pub(super) general: Option<Timestamp>,
    /// To these.
    pub(super) own: BTreeMap<ActivationId, Timestamp>,
}

impl Topics {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { licenses: Mutex::default(), marks: AtomicU64::new(1), metrics }
    }

    /// A place in the order of looks: what is read after this was taken holds all that was committed before.
    pub(super) fn mark(&self) -> u64 {
        self.marks.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn listen(self: &Arc<Self>, bearer: Bearer, manner: Manner) -> Listener {
        let slot = Arc::new(Slot::new(bearer.activation, manner, self.mark()));
        let mut licenses = self.licenses();
        if licenses.closed {
            slot.end();
        }
        let topic = licenses.topics.entry(bearer.license).or_default();
        let own = topic.slots.entry(bearer.activation).or_default();
        if manner == Manner::Stream {
            own.iter().filter(|older| older.manner == Manner::Stream).for_each(|older| older.end());
        }
        own.push(Arc::clone(&slot));
        drop(licenses);
        self.metrics.listening.inc();
        Listener::new(Arc::clone(self), bearer, slot)
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

    /// The licenses that a moment changed by itself, to be told to all. Activations that one changed look anew.
    pub(super) fn due(&self, now: Timestamp) -> BTreeMap<LicenseId, Wanted> {
        let mut due = BTreeMap::new();
        for (license, topic) in &mut self.licenses().topics {
            // It stays due until it was looked at.
            if let Some(at) = topic.due.filter(|at| *at <= now) {
                due.insert(*license, Wanted { general: Some(at), own: BTreeMap::new() });
            }
            if topic.own_due.take_if(|at| *at <= now).is_some() {
                topic.own_due = topic.slots.values().flatten().filter_map(|slot| slot.look_if_due(now)).min();
            }
        }
        due
    }

    /// Of these changes, what anybody here listens for.
    pub(super) fn wanted(&self, rows: &[Row]) -> BTreeMap<LicenseId, Wanted> {
        let mut wanted: BTreeMap<LicenseId, Wanted> = BTreeMap::new();
        let licenses = self.licenses();
        for row in rows {
            let Some(topic) = licenses.topics.get(&row.license) else { continue };
            match row.activation {
                None => wanted.entry(row.license).or_default().general = Some(row.at),
                Some(id) if topic.slots.contains_key(&id) => {
                    wanted.entry(row.license).or_default().own.insert(id, row.at);
                }
                Some(_) => {}
            }
        }
        wanted
    }

    pub(super) fn looks_anew(&self) {
        self.metrics.anew.inc();
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

    /// Ends all who listen, and whoever comes later.
    pub(super) fn close(&self) {
        self.licenses().closed = true;
        self.all().iter().for_each(|slot| slot.end());
    }

    fn licenses(&self) -> MutexGuard<'_, Licenses> {
        self.licenses.lock().expect("nothing panics while it is held")
    }
}
