//! How changes are heard of: over a stream, by questions that wait, or by questions that do not. What does not work
//! gives way to what asks less of the network, and is tried again later; together they have one budget of attempts.

use std::time::Duration;

use crate::{random::Draw, state::Via, timing::Timing};

/// How the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Stream,
    /// A question that waits at the authority, or does not.
    Question,
}

/// What is known of the ways.
#[derive(Debug)]
pub(crate) struct Hearing {
    /// The next attempt, whatever the way, on the boot clock.
    pub(crate) due: Duration,
    /// Streams that failed, one after the other.
    streams_lost: u32,
    /// No stream is tried before; nothing while streams are believed to work.
    stream_at: Option<Duration>,
    /// Whether a stream is tried between two questions: it may keep what it brings to itself, and the questions come
    /// as often as without it.
    between: bool,
    /// How often streams were given up since one worked.
    given_up: u32,
    /// What something on the way does to streams, as a part of a sentence.
    trouble: Option<String>,
    /// Questions that waited in vain, one after the other.
    waits_lost: u32,
    /// Questions without waiting that are left until waiting is tried again.
    polls: u32,
    /// Whether the last question that waited was answered.
    waiting_works: bool,
    /// What a gateway has shown to be too long a wait.
    too_long: Option<Duration>,
}

/// How a stream failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// There are none at this authority.
    None,
    /// No connection, another answer than a stream, or an end that the authority told: of the next one more may be hoped.
    Unopened,
    /// It came, and something on the way spoilt it: how, as a part of a sentence.
    Spoilt(&'static str),
    /// As before, in a way that the next one will meet as well.
    Held(&'static str),
}

/// So many lost streams, or questions, one after the other mean that something on the way lets none live, or wait.
const LOST: u32 = 3;
/// A gateway that waits less long than this lets nothing wait.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);
/// So many questions without waiting, about five minutes, before waiting is tried again.
const POLLS: u32 = 12;
/// So often at most the time until streams are tried again doubles.
const DOUBLED: u32 = 4;

impl Hearing {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            due: now,
            streams_lost: 0,
            stream_at: None,
            between: false,
            given_up: 0,
            trouble: None,
            waits_lost: 0,
            polls: 0,
            waiting_works: false,
            too_long: None,
        }
    }

    pub(crate) fn way(&self) -> Way {
        if self.stream_at.is_none() || self.between { Way::Stream } else { Way::Question }
    }

    /// How changes come. A way is believed to work until it has failed, and not again before it has.
    pub(crate) fn via(&self) -> Via {
        match (self.stream_at, self.waits()) {
            (None, _) => Via::Stream,
            (Some(_), true) => Via::LongPoll,
            (Some(_), false) => Via::Polling,
        }
    }

    /// What keeps streams from working, as a part of a sentence, where that is something on the way.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// A stream has lived for long enough to count on the next one.
    pub(crate) fn stream_works(&mut self) {
        (self.streams_lost, self.stream_at, self.given_up, self.trouble) = (0, None, 0, None);
        self.between = false;
    }

    /// Another activation: what failed with the last one may work.
    pub(crate) fn anew(&mut self) {
        (self.streams_lost, self.stream_at) = (0, None);
    }

    /// A stream has failed. Once it is clear that the next one would as well, streams are given up for a while.
    pub(crate) fn stream_lost(&mut self, loss: &Loss, now: Duration, timing: &Timing, draw: &Draw) {
        self.streams_lost += 1;
        self.between = false;
        let surely = matches!(loss, Loss::None | Loss::Held(_));
        if !surely && self.streams_lost < LOST {
            return;
        }
        let again = timing.stream_again.saturating_mul(1 << self.given_up.min(DOUBLED));
        self.stream_at = Some(now + draw.jitter(again));
        self.given_up += 1;
        // One more that is lost is enough to give them up again.
        self.streams_lost = LOST - 1;
        match loss {
            Loss::Spoilt(how) | Loss::Held(how) => self.trouble = Some((*how).to_owned()),
            // What was spoilt before would be again, as far as is known.
            Loss::Unopened => {}
            Loss::None => self.trouble = None,
        }
    }

    /// Puts the next attempt off after a stream has ended: with full jitter, later and later while they fail.
    pub(crate) fn put_off(&mut self, now: Duration, timing: &Timing, draw: &Draw) {
        let (first, longest) = timing.backoff;
        let bound = first.saturating_mul(1 << self.streams_lost.min(16)).min(longest);
        self.due = now + draw.between(Duration::ZERO, bound);
    }

    /// Whether questions wait at the authority.
    pub(crate) fn waits(&self) -> bool {
        self.polls == 0
    }

    /// How long the next question waits at the authority; not as long while nothing shows that waiting works here, so
    /// that what swallows questions hides no change for longer than polling would.
    pub(crate) fn question_waits(&self, timing: &Timing) -> Duration {
        let longest = self.too_long.map_or(timing.wait, |too_long| timing.wait.min(too_long / 2));
        match (self.waits(), self.waiting_works) {
            (true, true) => longest,
            (true, false) => longest.min(timing.poll.0),
            (false, _) => Duration::ZERO,
        }
    }

    /// A gateway on the way gave up on a question that waited: the next one waits half as long. Whether there is a next
    /// one that waits.
    pub(crate) fn gave_up(&mut self, timing: &Timing) -> bool {
        let waited = self.question_waits(timing);
        let again = waited >= SHORTEST_WAIT * 2;
        if again {
            self.too_long = Some(waited);
        }
        again
    }

    pub(crate) fn question_answered(&mut self, now: Duration) {
        self.question_over(now);
        self.waiting_works = self.waits();
        self.waits_lost = 0;
        self.polls = self.polls.saturating_sub(1);
    }

    fn question_over(&mut self, now: Duration) {
        self.between = self.stream_at.is_some_and(|at| at <= now);
    }

    pub(crate) fn question_lost(&mut self, now: Duration) {
        self.question_over(now);
        self.waiting_works = false;
        if self.waits() {
            self.waits_lost += 1;
            if self.waits_lost >= LOST {
                self.polls = POLLS;
                self.waits_lost = LOST - 1;
            }
        }
    }
}
