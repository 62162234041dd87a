//! How long a change took to get here, by an estimate of the authority's clock. It is for the authority's statistics
//! alone: that clock is not signed, so nothing is decided by it.

use std::time::Duration;

use kaching_base::Timestamp;

use crate::clock::{after, until};

/// The longest delay that is reported.
const LONGEST_MS: u64 = 86_400_000;
/// The most by which two clocks drift apart from one ping to the next.
const DRIFT: Duration = Duration::from_millis(1);

/// Measures the delay of the last change, for the next heartbeat to report.
pub(super) struct DelayMeter {
    clock: Option<AuthorityClock>,
    /// The moment of a change that has just been acted upon.
    enacted: Option<Timestamp>,
    /// The delay of the last change, until the authority has it.
    delay_ms: Option<u64>,
    /// Whether the authority knows the field.
    accepted: bool,
}

impl Default for DelayMeter {
    fn default() -> Self {
        Self { clock: None, enacted: None, delay_ms: None, accepted: true }
    }
}

impl DelayMeter {
    /// Takes the authority's time from an event; `first` says that it is the first on a connection that was asked for at
    /// `asked`.
    pub(super) fn read_clock(&mut self, time: Timestamp, first: bool, asked: Duration, now: Duration) {
        match &mut self.clock {
            Some(clock) if !first => clock.correct(time, now),
            clock => *clock = Some(AuthorityClock::first(time, asked, now)),
        }
    }

    /// Takes the authority's time from an answer on a connection that was open before.
    pub(super) fn correct_clock(&mut self, time: Timestamp, now: Duration) {
        if let Some(clock) = &mut self.clock {
            clock.correct(time, now);
        }
    }

    /// Notes that the consequences of the change of this moment are in force now.
    pub(super) fn enact(&mut self, change: Option<Timestamp>) {
        self.enacted = change;
    }

    /// Returns the change whose consequences came into force since the last call.
    pub(super) fn take_enacted(&mut self) -> Option<Timestamp> {
        self.enacted.take()
    }

    /// Notes that the change of that moment was acted upon: the next heartbeat reports how long that took.
    pub(super) fn acted(&mut self, change: Timestamp, now: Duration) {
        if let Some(clock) = self.clock.as_ref().filter(|_| self.accepted) {
            self.delay_ms = Some(clock.since(change, now));
        }
    }

    pub(super) fn to_send(&self) -> Option<u64> {
        self.delay_ms
    }

    pub(super) fn acknowledged(&mut self, sent: Option<u64>) {
        self.delay_ms.take_if(|delay| Some(*delay) == sent);
    }

    /// Notes that the authority does not know the field: it is no longer sent.
    pub(super) fn refused(&mut self) {
        (self.accepted, self.delay_ms) = (false, None);
    }
}

/// The authority's clock, as its events show it.
#[derive(Clone, Debug)]
struct AuthorityClock {
    /// Its time at a reading of the boot clock, as if that had come here without delay: it is no earlier.
    time: Timestamp,
    at: Duration,
    /// The longest latency from there to here.
    latency: Duration,
}

impl AuthorityClock {
    /// From the first event on a new connection. Two round trips or more have passed since `asked`, so the last latency
    /// was a quarter of that time at most.
    fn first(time: Timestamp, asked: Duration, now: Duration) -> Self {
        Self { time, at: now, latency: now.saturating_sub(asked) / 4 }
    }

    /// From a later event, which shows how much of the delay so far was none.
    fn correct(&mut self, time: Timestamp, now: Duration) {
        let expected = after(self.time, now.saturating_sub(self.at));
        // A later time than expected came faster; an earlier one may be drift, and else is delay.
        let drifted =
            Timestamp::from_micros(expected.micros() - i64::try_from(DRIFT.as_micros()).unwrap_or(0));
        (self.time, self.at) = (time.max(drifted), now);
    }

    /// Returns the milliseconds that passed there from a moment to this reading of the boot clock, latency included.
    fn since(&self, moment: Timestamp, now: Duration) -> u64 {
        let there = after(self.time, now.saturating_sub(self.at).saturating_add(self.latency));
        u64::try_from(until(moment, there).as_millis()).map_or(LONGEST_MS, |ms| ms.min(LONGEST_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn there(ms: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + ms * 1000)
    }

    #[test]
    fn a_delay_is_counted_from_the_change_with_the_longest_latency() {
        let clock = AuthorityClock::first(there(0), ms(1000), ms(1040));
        assert_eq!(clock.since(there(500), ms(1600)), 70);
        assert_eq!(clock.since(there(5000), ms(1600)), 0, "it is never negative");
        assert_eq!(clock.since(Timestamp::from_micros(i64::MIN), ms(1600)), LONGEST_MS);
    }

    #[test]
    fn faster_events_correct_the_clock_and_slower_ones_do_not() {
        let mut clock = AuthorityClock::first(there(0), ms(1000), ms(1400));
        assert_eq!(clock.since(there(0), ms(1400)), 100);
        clock.correct(there(300), ms(1410));
        assert_eq!(clock.since(there(300), ms(1410)), 100);
        clock.correct(there(400), ms(1910));
        assert_eq!(clock.since(there(800), ms(1910)), 99, "400 ms late, and a millisecond may be drift");
    }

    #[test]
    fn a_delay_is_sent_until_it_is_acknowledged_or_refused() {
        let mut meter = DelayMeter::default();
        meter.acted(there(0), ms(1000));
        assert_eq!(meter.to_send(), None, "the authority's clock is not known");
        meter.read_clock(there(0), true, ms(900), ms(1000));
        meter.acted(there(0), ms(1050));
        assert_eq!(meter.to_send(), Some(75));
        meter.acknowledged(Some(60));
        assert_eq!(meter.to_send(), Some(75), "another one was sent");
        meter.acknowledged(Some(75));
        assert_eq!(meter.to_send(), None);
        meter.refused();
        meter.acted(there(0), ms(1050));
        assert_eq!(meter.to_send(), None);
    }
}
