//! When heartbeats and all other calls are due, and whether the authority answers.

use std::time::Duration;

use crate::{random::Draw, timing::Timing};

/// Whether the authority answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// Not asked yet.
    None,
    /// The last call was answered.
    Made,
    /// It was not, and why, as a part of a sentence.
    Lost(String),
}

/// The calls of one guard, one at a time. Times are those of the boot clock.
#[derive(Debug)]
pub(super) struct CallSchedule {
    heartbeat: Duration,
    /// The earliest time of the next call.
    quiet: Duration,
    failures: u32,
    in_flight: bool,
    /// The host wants a heartbeat now, even if an answer on its way puts the next one off.
    heartbeat_requested: bool,
    /// How many heartbeats and activations were sent.
    sent: u64,
    /// The last of them that was answered or lost.
    settled: u64,
    contact: Contact,
}

impl CallSchedule {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            heartbeat: now,
            quiet: now,
            failures: 0,
            in_flight: false,
            heartbeat_requested: false,
            sent: 0,
            settled: 0,
            contact: Contact::None,
        }
    }

    pub(super) fn begin(&mut self) {
        self.in_flight = true;
    }

    pub(super) fn end(&mut self) {
        self.in_flight = false;
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    pub(super) fn is_quiet(&self, now: Duration) -> bool {
        now < self.quiet
    }

    /// Returns the first moment from this one on at which something may be sent.
    pub(super) fn after_quiet(&self, at: Duration) -> Duration {
        at.max(self.quiet)
    }

    pub(super) fn end_quiet(&mut self, now: Duration) {
        self.quiet = now;
    }

    /// Returns when the next heartbeat is due: immediately if the host has asked for one.
    pub(super) fn heartbeat_due(&self) -> Duration {
        if self.heartbeat_requested { Duration::ZERO } else { self.heartbeat }
    }

    pub(super) fn heartbeat_at(&mut self, at: Duration) {
        self.heartbeat = at;
    }

    /// Schedules the next heartbeat for this moment, unless it is due earlier.
    pub(super) fn heartbeat_by(&mut self, at: Duration) {
        self.heartbeat = self.heartbeat.min(at);
    }

    /// Makes a heartbeat due now, and returns how many were sent before it.
    pub(super) fn request_heartbeat(&mut self, now: Duration) -> u64 {
        self.heartbeat_requested = true;
        (self.heartbeat, self.quiet) = (now, now);
        self.sent
    }

    /// Counts a heartbeat or an activation that is sent, and returns its number.
    pub(super) fn count_sent(&mut self, heartbeat: bool) -> u64 {
        if heartbeat {
            self.heartbeat_requested = false;
        }
        self.sent += 1;
        self.sent
    }

    pub(super) fn settle(&mut self, number: u64) {
        self.settled = self.settled.max(number);
    }

    /// Counts a look at the holder's state, which settles all that was waited for.
    pub(super) fn count_look(&mut self) {
        self.sent += 1;
        self.settled = self.sent;
    }

    pub(super) fn is_settled_since(&self, sent: u64) -> bool {
        self.settled > sent
    }

    pub(super) fn contact(&self) -> &Contact {
        &self.contact
    }

    /// Why there is no contact, as a part of a sentence.
    pub(super) fn trouble(&self) -> Option<&str> {
        match &self.contact {
            Contact::Lost(why) => Some(why),
            Contact::None | Contact::Made => None,
        }
    }

    pub(super) fn set_contact(&mut self, contact: Contact) {
        self.contact = contact;
    }

    /// Notes that the authority answers: the backoff ends.
    pub(super) fn reached(&mut self, now: Duration) {
        self.contact = Contact::Made;
        self.end_backoff(now);
    }

    pub(super) fn end_backoff(&mut self, now: Duration) {
        self.failures = 0;
        self.quiet = now;
    }

    /// Notes a failed call: the next attempt waits with full jitter, or as long as the authority asks. So the clients
    /// that lose the authority in the same moment do not come back in the same one.
    pub(super) fn failed(
        &mut self,
        now: Duration,
        timing: &Timing,
        retry_after: Option<Duration>,
        draw: &Draw,
    ) {
        let (first, longest) = timing.backoff;
        self.failures += 1;
        let bound = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.quiet = now + draw.between(first, bound.max(first)).max(retry_after.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_wait_longer_and_longer_until_contact() {
        let timing = Timing { backoff: (s(1), s(20)), ..Timing::default() };
        let longest = Draw::new([0xff; 20]);
        let mut calls = CallSchedule::new(s(0));
        for wait in [2, 4, 8, 16, 20, 20] {
            calls.failed(s(100), &timing, None, &longest);
            assert_eq!(calls.after_quiet(s(0)), s(100 + wait));
        }
        calls.failed(s(100), &timing, Some(s(90)), &longest);
        assert_eq!(calls.after_quiet(s(0)), s(190), "the authority may ask for more");
        calls.reached(s(101));
        assert!(!calls.is_quiet(s(101)));
        calls.failed(s(101), &timing, None, &longest);
        assert_eq!(calls.after_quiet(s(0)), s(103));
    }

    #[test]
    fn a_requested_heartbeat_is_due_until_one_is_sent() {
        let mut calls = CallSchedule::new(s(0));
        calls.heartbeat_at(s(300));
        let before = calls.request_heartbeat(s(10));
        calls.heartbeat_at(s(400));
        assert_eq!(calls.heartbeat_due(), s(0), "an answer on its way does not put it off");
        let activation = calls.count_sent(false);
        assert_eq!(calls.heartbeat_due(), s(0));
        let number = calls.count_sent(true);
        assert_eq!(calls.heartbeat_due(), s(400));
        assert!(!calls.is_settled_since(before));
        calls.settle(activation);
        assert!(calls.is_settled_since(before));
        assert!(!calls.is_settled_since(activation));
        calls.settle(number);
        assert!(calls.is_settled_since(activation));
    }
}
