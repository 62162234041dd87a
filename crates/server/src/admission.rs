//! Admission of calls: each is served immediately, waits, or is asked to retry, so that served calls are served in time.
//!
//! Each class of calls has its own places, so that a flood of one leaves the others alone. A call that finds no place
//! waits in a short queue. After that, or if the queue is full, it is asked to retry within a time that grows with the
//! number of refused calls.

mod sliding;
mod turn;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::sliding::Sliding;
use crate::{
    config::LimitSettings,
    metrics::{self, Metrics},
    route::CallClass,
};

/// The label of a class in metrics.
fn label(class: CallClass) -> metrics::ClassLabel {
    let class = match class {
        CallClass::Heartbeats => "heartbeats",
        CallClass::Keys => "keys",
        CallClass::Operators => "operators",
    };
    metrics::ClassLabel { class }
}

/// The classes of calls.
pub(crate) struct Admission {
    heartbeats: Gate,
    keys: Gate,
    operators: Gate,
    /// Heartbeats a second above which clients are asked to send fewer; 0 asks them when some were refused.
    max_heartbeats: u64,
}

/// The gate for calls of one class.
struct Gate {
    places: Arc<Semaphore>,
    /// The number of waiting calls.
    waiting: Gauge,
    /// The number of refused calls.
    sent_away: Counter,
    most_waiting: i64,
    longest_wait: Duration,
    /// Locked for the time of a count.
    load: Mutex<Load>,
}

/// The numbers of recent calls that were served and refused.
#[derive(Default)]
struct Load {
    served: Sliding,
    shed: Sliding,
}

/// A place among the calls that are served, until it is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// The longest `Retry-After`, in seconds.
const LONGEST_SPREAD: u64 = 10;

impl Admission {
    pub(crate) fn new(settings: &LimitSettings, metrics: &Metrics) -> Self {
        let gate = |class: CallClass, places: u32| Gate {
            places: Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS))),
            waiting: metrics.waiting.get_or_create_owned(&label(class)),
            sent_away: metrics.shed.get_or_create_owned(&label(class)),
            most_waiting: settings.most_waiting.into(),
            longest_wait: Duration::from_millis(settings.longest_wait_ms.into()),
            load: Mutex::default(),
        };
        Self {
            heartbeats: gate(CallClass::Heartbeats, settings.heartbeats_at_once),
            keys: gate(CallClass::Keys, settings.keys_at_once),
            operators: gate(CallClass::Operators, settings.operators_at_once),
            max_heartbeats: settings.max_heartbeats_per_second.into(),
        }
    }

    fn gate(&self, class: CallClass) -> &Gate {
        match class {
            CallClass::Heartbeats => &self.heartbeats,
            CallClass::Keys => &self.keys,
            CallClass::Operators => &self.operators,
        }
    }
}

impl Gate {
    /// Returns a place, immediately or after a wait; `None` if the queue is full or the wait was too long.
    async fn enter(&self) -> Option<Turn> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(Turn(place));
        }
        let in_line = InLine::join(self)?;
        let place = tokio::time::timeout(self.longest_wait, Arc::clone(&self.places).acquire_owned()).await;
        drop(in_line);
        Some(Turn(place.ok()?.expect("the places are never closed")))
    }

    fn load(&self) -> std::sync::MutexGuard<'_, Load> {
        self.load.lock().expect("nothing panics while it is held")
    }
}

/// A waiting call. It leaves the line when this is dropped, also if its caller hangs up.
struct InLine<'g>(&'g Gate);

impl<'g> InLine<'g> {
    fn join(gate: &'g Gate) -> Option<Self> {
        let before = gate.waiting.inc();
        let own = Self(gate);
        (before < gate.most_waiting).then_some(own)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.dec();
    }
}

impl Load {
    /// Returns the seconds over which refused callers are spread: twice the time in which as many are served.
    fn spread(&mut self, second: i64) -> u64 {
        let (served, shed) = (self.served.total(second), self.shed.total(second));
        (2 * shed * sliding::SECONDS).div_ceil(served.max(1)).clamp(2, LONGEST_SPREAD)
    }

    /// Returns the rate of calls relative to the limit, in thousandths.
    fn pressure(&mut self, second: i64, max_a_second: u64) -> u64 {
        let (served, shed) = (self.served.total(second), self.shed.total(second));
        let sustained = if max_a_second > 0 { max_a_second * sliding::SECONDS } else { served };
        if max_a_second == 0 && shed == 0 { 1000 } else { (served + shed) * 1000 / sustained.max(1) }
    }
}

#[cfg(test)]
mod tests;
