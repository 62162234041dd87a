//! How changes reach this process: over a stream, by long polls, or by polls that do not wait. A transport that does not
//! work is replaced by one that needs less of the network, and is tried again later; together they have one budget of
//! attempts.

use std::time::Duration;

use crate::{random::Draw, state::Via, timing::Timing};

/// How the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransportKind {
    Stream,
    /// A poll, which waits at the authority or does not.
    Poll,
}

/// Which transports work, and when the next attempt is due.
#[derive(Debug)]
pub(super) struct ChangeTransport {
    /// The next attempt, of any kind, on the boot clock.
    due: Duration,
    /// Streams that failed, one after the other.
    streams_lost: u32,
    /// No stream is tried before; `None` while streams are believed to work.
    stream_at: Option<Duration>,
    /// Whether a stream is tried between two polls: it may deliver nothing, so the polls come as often as without it.
    between_polls: bool,
    /// How often streams were given up since one worked.
    given_up: u32,
    /// The interference with streams on the network path, as a part of a sentence.
    trouble: Option<String>,
    /// Long polls that were lost, one after the other.
    waits_lost: u32,
    /// Polls without waiting that are left until long polls are tried again.
    short_polls: u32,
    /// Whether the last long poll was answered.
    waiting_works: bool,
    /// The wait that a gateway has cut short.
    too_long: Option<Duration>,
}

/// How a stream failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamFailure {
    /// This authority has no streams.
    Unsupported,
    /// No connection, another answer than a stream, or an end that the authority announced: the next one may work.
    Unopened,
    /// It was opened, and something on the network path cut or changed it: how, as a part of a sentence.
    Broken(&'static str),
    /// Something on the network path holds its events back, as it will those of the next one.
    HeldBack(&'static str),
}

/// The number of streams, or long polls, lost in a row after which the network path is taken not to allow any.
const LOST: u32 = 3;
/// A gateway with a shorter wait than this is treated as one that does not allow long polls.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);
/// The polls without waiting, for about five minutes, before long polls are tried again.
const SHORT_POLLS: u32 = 12;
/// How often the time until the next attempt of a stream doubles at most.
const DOUBLED: u32 = 4;

impl ChangeTransport {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            due: now,
            streams_lost: 0,
            stream_at: None,
            between_polls: false,
            given_up: 0,
            trouble: None,
            waits_lost: 0,
            short_polls: 0,
            waiting_works: false,
            too_long: None,
        }
    }

    /// Returns when the next attempt is due.
    pub(super) fn due(&self) -> Duration {
        self.due
    }

    pub(super) fn set_due(&mut self, at: Duration) {
        self.due = at;
    }

    pub(super) fn kind(&self) -> TransportKind {
        if self.stream_at.is_none() || self.between_polls {
            TransportKind::Stream
        } else {
            TransportKind::Poll
        }
    }

    /// Returns how changes arrive. A transport is believed to work until it has failed, and then only when it has
    /// worked again.
    pub(super) fn via(&self) -> Via {
        match (self.stream_at, self.waits()) {
            (None, _) => Via::Stream,
            (Some(_), true) => Via::LongPoll,
            (Some(_), false) => Via::Polling,
        }
    }

    /// Returns what on the network path keeps streams from working, as a part of a sentence.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Notes that a stream has lived for long enough to rely on streams again.
    pub(super) fn stream_works(&mut self) {
        (self.streams_lost, self.stream_at, self.given_up, self.trouble) = (0, None, 0, None);
        self.between_polls = false;
    }

    /// Tries streams again with a new activation, for which they may work.
    pub(super) fn retry_streams(&mut self) {
        (self.streams_lost, self.stream_at) = (0, None);
    }

    /// Notes a failed stream. Once it is clear that the next one would fail as well, streams are given up for a while.
    pub(super) fn stream_failed(
        &mut self,
        failure: &StreamFailure,
        now: Duration,
        timing: &Timing,
        draw: &Draw,
    ) {
        self.streams_lost += 1;
        self.between_polls = false;
        let surely = matches!(failure, StreamFailure::Unsupported | StreamFailure::HeldBack(_));
        if !surely && self.streams_lost < LOST {
            return;
        }
        let again = timing.stream_retry.saturating_mul(1 << self.given_up.min(DOUBLED));
        self.stream_at = Some(now + draw.jitter(again));
        self.given_up += 1;
        // One more that is lost is enough to give them up again.
        self.streams_lost = LOST - 1;
        match failure {
            StreamFailure::Broken(how) | StreamFailure::HeldBack(how) => {
                self.trouble = Some((*how).to_owned())
            }
            // Earlier trouble is still there, as far as is known.
            StreamFailure::Unopened => {}
            StreamFailure::Unsupported => self.trouble = None,
        }
    }

    /// Puts the next attempt off after a stream has ended: with full jitter, later and later while they fail.
    pub(super) fn put_off(&mut self, now: Duration, timing: &Timing, draw: &Draw) {
        let (first, longest) = timing.backoff;
        let bound = first.saturating_mul(1 << self.streams_lost.min(16)).min(longest);
        self.due = now + draw.between(Duration::ZERO, bound);
    }

    /// Whether polls wait at the authority.
    pub(super) fn waits(&self) -> bool {
        self.short_polls == 0
    }

    /// Returns how long the next poll waits at the authority. The wait is shorter until one has been answered here, so
    /// that a network that swallows long polls hides no change for longer than polling would.
    pub(super) fn poll_wait(&self, timing: &Timing) -> Duration {
        let longest = self.too_long.map_or(timing.poll_wait, |too_long| timing.poll_wait.min(too_long / 2));
        match (self.waits(), self.waiting_works) {
            (true, true) => longest,
            (true, false) => longest.min(timing.poll_interval.0),
            (false, _) => Duration::ZERO,
        }
    }

    /// Notes that a gateway gave up on a long poll: the next one waits half as long. Returns whether the next one
    /// waits.
    pub(super) fn gateway_timed_out(&mut self, timing: &Timing) -> bool {
        let waited = self.poll_wait(timing);
        let again = waited >= SHORTEST_WAIT * 2;
        if again {
            self.too_long = Some(waited);
        }
        again
    }

    pub(super) fn poll_answered(&mut self, now: Duration) {
        self.poll_over(now);
        self.waiting_works = self.waits();
        self.waits_lost = 0;
        self.short_polls = self.short_polls.saturating_sub(1);
    }

    fn poll_over(&mut self, now: Duration) {
        self.between_polls = self.stream_at.is_some_and(|at| at <= now);
    }

    pub(super) fn poll_lost(&mut self, now: Duration) {
        self.poll_over(now);
        self.waiting_works = false;
        if self.waits() {
            self.waits_lost += 1;
            if self.waits_lost >= LOST {
                self.short_polls = SHORT_POLLS;
                self.waits_lost = LOST - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{millis, of_rule};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn draw() -> Draw {
        Draw::new([0xff; 20])
    }

    #[test]
    fn its_next_attempt_is_the_one_of_the_vectors() {
        let (timing, cut) = (Timing::default(), StreamFailure::Broken("something cuts it"));
        for case in of_rule("E6") {
            let mut transport = ChangeTransport::new(s(0));
            for _ in 0..case["streams_failed"].as_u64().unwrap_or_default() {
                transport.stream_failed(&cut, s(0), &timing, &Draw::new([0; 20]));
            }
            for _ in 0..case["questions_cut"].as_u64().unwrap_or_default() {
                transport.poll_lost(s(0));
            }
            match case["next"].as_str() {
                Some("stream") => {
                    transport.put_off(s(0), &timing, &draw());
                    assert_eq!(transport.kind(), TransportKind::Stream, "{case}");
                    assert_eq!(transport.due(), millis(&case["wait_at_most_ms"]), "{case}");
                }
                Some(_) => {
                    assert_eq!(transport.kind(), TransportKind::Poll, "{case}");
                    let least = millis(&case["stream_after_at_least_ms"]);
                    assert!(transport.stream_at.is_some_and(|at| at >= least), "{case}");
                }
                None => assert_eq!(transport.waits(), case["waits"].as_bool().unwrap(), "{case}"),
            }
        }
    }

    #[test]
    fn three_broken_streams_give_way_to_long_polls_until_streams_are_tried_again() {
        let (timing, mut transport) = (Timing::default(), ChangeTransport::new(s(0)));
        let cut = StreamFailure::Broken("something cuts it");
        for _ in 0..2 {
            transport.stream_failed(&cut, s(10), &timing, &draw());
            assert_eq!((transport.kind(), transport.trouble()), (TransportKind::Stream, None));
        }
        transport.stream_failed(&cut, s(10), &timing, &draw());
        assert_eq!(transport.kind(), TransportKind::Poll);
        assert_eq!((transport.via(), transport.trouble()), (Via::LongPoll, Some("something cuts it")));
        transport.poll_answered(s(11));
        assert_eq!(transport.kind(), TransportKind::Poll);
        transport.poll_answered(s(10) + timing.stream_retry.mul_f64(1.2));
        assert_eq!(transport.kind(), TransportKind::Stream, "between two polls");
        assert_eq!(transport.via(), Via::LongPoll, "until it has worked");
        transport.stream_works();
        assert_eq!((transport.via(), transport.trouble()), (Via::Stream, None));
    }

    #[test]
    fn one_stream_that_is_held_back_is_enough() {
        let (timing, mut transport) = (Timing::default(), ChangeTransport::new(s(0)));
        transport.stream_failed(&StreamFailure::HeldBack("something holds it"), s(1), &timing, &draw());
        assert_eq!(transport.kind(), TransportKind::Poll);
        transport.retry_streams();
        assert_eq!(transport.kind(), TransportKind::Stream, "with another activation");
    }

    #[test]
    fn long_polls_that_are_lost_give_way_to_short_ones_for_a_while() {
        let (timing, mut transport) = (Timing::default(), ChangeTransport::new(s(0)));
        assert_eq!(
            transport.poll_wait(&timing),
            timing.poll_interval.0,
            "nothing shows yet that waiting works"
        );
        transport.poll_answered(s(1));
        assert_eq!(transport.poll_wait(&timing), timing.poll_wait);
        assert!(transport.gateway_timed_out(&timing));
        assert_eq!(transport.poll_wait(&timing), timing.poll_wait / 2);
        for _ in 0..LOST {
            transport.poll_lost(s(2));
        }
        for _ in 0..SHORT_POLLS {
            assert_eq!(transport.poll_wait(&timing), Duration::ZERO);
            transport.poll_answered(s(3));
        }
        assert!(transport.waits());
    }
}
