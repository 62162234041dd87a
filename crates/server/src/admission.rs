//! Who is served at once, who waits, and who is asked to come again: so that what is served is served in time.
//!
//! Each class of calls has its own places, so that a flood of one leaves the others alone. Whoever finds no place waits
//! in line, not for long; then, or where the line is full, it is told to come again, spread over a time that grows with
//! the number of those who were told so.

mod sliding;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::sliding::Sliding;
use crate::{
    App,
    config::LimitSettings,
    metrics::{self, Metrics},
    problem::{Rejected, Result},
};

/// What a call is, as far as it takes a place from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// With a credential.
    Heartbeats,
    /// With a license key or a lease.
    Keys,
    /// With an API token.
    Operators,
}

impl Class {
    fn label(self) -> metrics::Class {
        let class = match self {
            Self::Heartbeats => "heartbeats",
            Self::Keys => "keys",
            Self::Operators => "operators",
        };
        metrics::Class { class }
    }
}

/// The classes of calls.
pub(crate) struct Admission {
    heartbeats: Gate,
    keys: Gate,
    operators: Gate,
    /// Heartbeats in a second above which clients are told to come less often; 0 where that is when some were sent away.
    max_heartbeats: u64,
}

/// Where calls of one class come in.
struct Gate {
    places: Arc<Semaphore>,
    /// How many are in line.
    waiting: Gauge,
    /// How many were sent away.
    sent_away: Counter,
    most_waiting: i64,
    longest_wait: Duration,
    /// Locked for the time of a count.
    load: Mutex<Load>,
}

/// What came of those who came lately.
#[derive(Default)]
struct Load {
    served: Sliding,
    shed: Sliding,
}

/// A place among those who are served, until it is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// Nobody is told to come again later than this, in seconds.
const LONGEST_SPREAD: u64 = 10;

impl Admission {
    pub(crate) fn new(settings: &LimitSettings, metrics: &Metrics) -> Self {
        let gate = |class: Class, places: u32| Gate {
            places: Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS))),
            waiting: metrics.waiting.get_or_create_owned(&class.label()),
            sent_away: metrics.shed.get_or_create_owned(&class.label()),
            most_waiting: settings.most_waiting.into(),
            longest_wait: Duration::from_millis(settings.longest_wait_ms.into()),
            load: Mutex::default(),
        };
        Self {
            heartbeats: gate(Class::Heartbeats, settings.heartbeats_at_once),
            keys: gate(Class::Keys, settings.keys_at_once),
            operators: gate(Class::Operators, settings.operators_at_once),
            max_heartbeats: settings.max_heartbeats_per_second.into(),
        }
    }

    fn gate(&self, class: Class) -> &Gate {
        match class {
            Class::Heartbeats => &self.heartbeats,
            Class::Keys => &self.keys,
            Class::Operators => &self.operators,
        }
    }
}

impl Gate {
    /// A place, at once or after a wait; nothing where the line is full or the wait was too long.
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

/// One who waits, also where it hangs up.
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
    /// Over how many seconds those are spread who are sent away: twice as long as it takes to serve as many.
    fn spread(&mut self, second: i64) -> u64 {
        let (served, shed) = (self.served.total(second), self.shed.total(second));
        (2 * shed * sliding::SECONDS).div_ceil(served.max(1)).clamp(2, LONGEST_SPREAD)
    }

    /// How many times as many came as there should, in thousandths.
    fn pressure(&mut self, second: i64, max_a_second: u64) -> u64 {
        let (served, shed) = (self.served.total(second), self.shed.total(second));
        let sustained = if max_a_second > 0 { max_a_second * sliding::SECONDS } else { served };
        if max_a_second == 0 && shed == 0 { 1000 } else { (served + shed) * 1000 / sustained.max(1) }
    }
}

impl App {
    /// Waits for a turn of this class; it lasts until it is dropped.
    pub(crate) async fn turn(&self, class: Class) -> Result<Turn> {
        let gate = self.admission.gate(class);
        let turn = gate.enter().await;
        let mut load = gate.load();
        // Read while it is held: a second that came here late would pass for a clock that was set back.
        let second = self.now().seconds();
        match turn {
            Some(_) => load.served.count(second),
            None => load.shed.count(second),
        }
        if class == Class::Heartbeats {
            let pressure = load.pressure(second, self.admission.max_heartbeats);
            self.metrics.stretch.set(self.authority.stretch_heartbeats(pressure));
        }
        turn.ok_or_else(|| {
            gate.sent_away.inc();
            Rejected::overloaded().retry_within(1, load.spread(second))
        })
    }
}

#[cfg(test)]
mod tests;
