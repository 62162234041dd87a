//! Limits of heartbeats: only one with a new number takes from the bucket of its activation.
//!
//! A captured heartbeat has a good mac for ever. Sent again it costs its activation nothing that the next one needs.

use std::{net::IpAddr, sync::Mutex};

use kaching_authority::{Error, license::Authorization};
use kaching_base::{ActivationId, Timestamp};

use super::{MOST, Purpose, RateLimit, network, rate::Rate, recent::Recent};
use crate::{App, arrival::Arrival, config::LimitSettings, metrics::LimitKind, problem::Result};

/// The last answered numbers, and the buckets of heartbeats that are not new.
pub(super) struct Heartbeats {
    /// The last number that is known to be answered. This server learns it from each answer. Another server on the same
    /// database may have answered later ones: then a repeat of those counts as new once, and its answer says so.
    numbers: Mutex<Recent<(ActivationId, u64), u64>>,
    repeats: RateLimit<(ActivationId, u64)>,
    outdated: RateLimit<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Novelty {
    /// Above the last known number, or nothing is known.
    New,
    /// The last known number again, as where an answer was lost.
    Repeated,
    /// Below the last known number: no answer to it renews anything.
    Outdated,
}

/// Heartbeats of the longest lease come more often than this many microseconds.
const REMEMBERED: i64 = 3_600_000_000;

/// Repeats of one heartbeat: enough for a client that does not get its answer, which waits longer each time.
const REPEATS_BURST: u64 = 5;
const REPEATS_PER_SECOND: u32 = 1;

impl Heartbeats {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        let outdated = Rate::per_second(settings.outdated_per_second, settings.outdated_burst.into());
        let repeats = Rate::per_second(REPEATS_PER_SECOND, REPEATS_BURST);
        Self {
            numbers: Mutex::new(Recent::new(MOST, Some(REMEMBERED))),
            repeats: RateLimit::new(LimitKind::Repeats, repeats),
            outdated: RateLimit::new(LimitKind::Outdated, outdated),
        }
    }

    fn novelty(&self, activation: ActivationId, generation: u64, number: u64) -> Novelty {
        match self.lock().get(&(activation, generation)) {
            Some(last) if number < last => Novelty::Outdated,
            Some(last) if number == last => Novelty::Repeated,
            _ => Novelty::New,
        }
    }

    fn learn(&self, activation: ActivationId, generation: u64, number: u64, now: Timestamp) {
        let (mut numbers, key) = (self.lock(), (activation, generation));
        let number = numbers.get(&key).map_or(number, |last| last.max(number));
        numbers.put(key, number, now.micros());
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        self.lock().turn(now.micros());
        self.repeats.buckets.sweep(now.micros());
        self.outdated.buckets.sweep(now.micros());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Recent<(ActivationId, u64), u64>> {
        self.numbers.lock().expect("nothing panics while it is held")
    }
}

impl App {
    /// Counts a heartbeat with a good mac.
    pub(crate) fn limit_heartbeat(&self, arrival: &Arrival, shown: &Authorization) -> Result<()> {
        let Authorization { activation, generation, number, .. } = *shown;
        let (limits, now) = (&self.limits.heartbeats, self.now());
        match (limits.novelty(activation, generation, number), arrival.address) {
            (Novelty::New, _) => self.limit_activation(activation, generation, Purpose::Heartbeat),
            (Novelty::Outdated, Some(address)) => {
                let detail =
                    "too many heartbeats that are long answered came from this address; wait a little";
                limits.outdated.pace(network(address), now, &self.metrics, detail)
            }
            (Novelty::Repeated | Novelty::Outdated, _) => {
                let detail = "this heartbeat is repeated too often; wait as long as Retry-After says";
                limits.repeats.pace((activation, generation), now, &self.metrics, detail)
            }
        }
    }

    /// Learns from the outcome of a heartbeat which numbers are not new any more.
    pub(crate) fn heartbeat_answered<T>(
        &self,
        (activation, generation, number): (ActivationId, u64, u64),
        answer: &std::result::Result<T, Error>,
    ) {
        let (limits, now) = (&self.limits.heartbeats, self.now());
        match answer {
            // A refusal counts as well: its number is used.
            Ok(_) => limits.learn(activation, generation, number, now),
            Err(Error::OutdatedCredential { generation: present, number: last }) => {
                limits.learn(activation, *present, *last, now);
                if *present != generation {
                    limits.learn(activation, generation, number, now);
                }
            }
            // It is unknown whether it counted.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeats() -> Heartbeats {
        let settings = crate::config::Config::read("", &Default::default(), |_| unreachable!()).unwrap();
        Heartbeats::new(&settings.limits)
    }

    #[test]
    fn a_number_is_new_until_it_or_a_later_one_is_answered() {
        let (heartbeats, now) = (heartbeats(), Timestamp::from_seconds(1_800_000_000));
        let one = ActivationId::from_bytes([1; 16]);
        assert_eq!(heartbeats.novelty(one, 1, 7), Novelty::New, "nothing is known");
        heartbeats.learn(one, 1, 7, now);
        // An answer that was overtaken takes nothing back.
        heartbeats.learn(one, 1, 6, now);
        let novelties = [6, 7, 8].map(|number| heartbeats.novelty(one, 1, number));
        assert_eq!(novelties, [Novelty::Outdated, Novelty::Repeated, Novelty::New]);
        assert_eq!(heartbeats.novelty(one, 2, 1), Novelty::New, "a new credential starts its numbers again");
        assert_eq!(heartbeats.novelty(ActivationId::from_bytes([2; 16]), 1, 7), Novelty::New);
    }

    #[test]
    fn numbers_of_activations_that_went_silent_are_forgotten() {
        let heartbeats = heartbeats();
        let one = ActivationId::from_bytes([1; 16]);
        for hour in 0..3 {
            let now = Timestamp::from_seconds(1_800_000_000 + 3600 * hour);
            heartbeats.learn(one, 1, 7, now);
            heartbeats.learn(ActivationId::from_bytes([2 + hour as u8; 16]), 1, 1, now);
            heartbeats.sweep(now);
        }
        assert_eq!(heartbeats.novelty(one, 1, 7), Novelty::Repeated);
        assert_eq!(heartbeats.novelty(ActivationId::from_bytes([2; 16]), 1, 1), Novelty::New);
        assert!(heartbeats.lock().len() <= 4);
    }
}
