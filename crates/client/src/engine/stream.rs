//! The stream of changes: its events as they come, its limits, and why it ended.

use std::time::Duration;

use kaching_base::{ActivationId, LicenseId, Seconds, Timestamp};
use kaching_license::Lease;

use super::{change_event::ChangeEvent, change_transport::StreamFailure};
use crate::{
    clock::Reading,
    event_stream::{EventStream, TooLong},
    random::Draw,
    timing::Timing,
    transport::Reply,
};

/// An authority never sends more events on one stream: a burst, and then this number a second.
const EVENTS: u64 = 1000;
const EVENTS_PER_S: u64 = 10;

/// The most by which the authority's clock may be ahead of this one.
const CLOCK_SKEW: Seconds = Seconds(5);

const CUT: StreamFailure = StreamFailure::Broken("something cuts the connection");
const HELD: &str = "something holds back what the license authority sends";
const CHANGED: StreamFailure = StreamFailure::Broken("something changes what the license authority sends");
const ANOTHER: StreamFailure = StreamFailure::Broken("something else answers");

/// A stream that was asked for.
#[derive(Debug)]
pub(super) struct Stream {
    events: EventStream,
    /// The license and the activation whose changes it brings.
    of: (LicenseId, ActivationId),
    /// The time at which its head arrived.
    opened: Option<Duration>,
    /// The time at which its last event arrived, or its head.
    last: Duration,
    /// Whether the present state has come, with which every stream begins.
    began: bool,
    count: u64,
    /// How long it may live.
    life: Duration,
    /// The end of the lease that it was asked for with.
    until: Timestamp,
    /// Why this side ended it.
    end: Option<StreamEnd>,
}

/// Why this side ended a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// It has lived for long enough, its server stops, or it brings the changes of another license than the present one.
    Done,
    Failed(StreamFailure),
}

/// The meaning of a stream's end for the next one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// It worked.
    Worked,
    /// It neither worked nor failed.
    Ended,
    /// It failed. `wait` is the time that an answer in its place asks for; `unreached` says that there was no connection.
    Failed { failure: StreamFailure, wait: Option<Duration>, unreached: bool },
}

impl Stream {
    pub(super) fn new(lease: &Lease, life: Duration, now: Reading) -> Self {
        Self {
            events: EventStream::default(),
            of: (lease.sub, lease.act),
            until: lease.run_until,
            opened: None,
            last: now.boot,
            began: false,
            count: 0,
            life,
            end: None,
        }
    }

    /// Whether it brings the changes of this license and activation.
    pub(super) fn is_of(&self, lease: &Lease) -> bool {
        self.of == (lease.sub, lease.act)
    }

    pub(super) fn began(&self) -> bool {
        self.began
    }

    pub(super) fn end(&mut self, end: Option<StreamEnd>) {
        self.end = end;
    }

    /// Notes that its head is here.
    pub(super) fn open(&mut self, now: Reading) {
        if self.opened.is_none() {
            (self.opened, self.last) = (Some(now.boot), now.boot);
        }
    }

    /// Returns the data of each event that is whole with these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, StreamEnd> {
        self.events.take(bytes).map_err(|TooLong| StreamEnd::Failed(CHANGED))
    }

    /// Parses the data of an event.
    ///
    /// # Errors
    /// If no authority sends this, or if the event announces the end.
    pub(super) fn parse(&mut self, data: &[u8]) -> Result<ChangeEvent, StreamEnd> {
        self.count += 1;
        let event = serde_json::from_slice::<ChangeEvent>(data).map_err(|_| StreamEnd::Failed(CHANGED))?;
        if event.rev.is_none() && event.now.is_none() {
            return Err(StreamEnd::Failed(CHANGED));
        }
        match event.ends.as_deref() {
            None => Ok(event),
            // Another server, or the next process of this one, has the rest.
            Some("leaving") => Err(StreamEnd::Done),
            // The network is not the reason, but the next stream may end as soon.
            Some(_) => Err(StreamEnd::Failed(StreamFailure::Unopened)),
        }
    }

    /// Counts an event that was handled.
    pub(super) fn handled(&mut self, event: &ChangeEvent, now: Reading) {
        self.began |= event.rev.is_some();
        if self.began {
            self.last = now.boot;
        }
    }

    /// Whether it has lived for long enough to count on the next one.
    pub(super) fn is_settled(&self, now: Reading, timing: &Timing) -> bool {
        self.began && self.lived(now) >= timing.stream_settled
    }

    fn lived(&self, now: Reading) -> Duration {
        self.opened.map_or(Duration::ZERO, |opened| now.boot.saturating_sub(opened))
    }

    /// Checks its limits.
    ///
    /// # Errors
    /// If it brings too much, or nothing for too long, or has lived for long enough.
    pub(super) fn check(&self, now: Reading, timing: &Timing) -> Result<(), StreamEnd> {
        let lived = self.lived(now);
        if self.count > EVENTS + EVENTS_PER_S * lived.as_secs() {
            return Err(StreamEnd::Failed(CHANGED));
        }
        if now.boot
            >= self.last + if self.began { timing.silence_timeout } else { timing.first_event_timeout }
        {
            let failure =
                if self.began { StreamFailure::Broken(HELD) } else { StreamFailure::HeldBack(HELD) };
            return Err(StreamEnd::Failed(failure));
        }
        if lived >= self.life { Err(StreamEnd::Done) } else { Ok(()) }
    }

    /// Judges its end, at a trusted time of `time`.
    pub(super) fn aftermath(
        self,
        reply: Reply,
        time: Timestamp,
        now: Reading,
        timing: &Timing,
        draw: &Draw,
    ) -> Aftermath {
        let why = if let Reply::Unreachable(why) = &reply { why.as_str() } else { "another answer" };
        tracing::info!(end = ?self.end, why, lived = ?self.lived(now), "the stream of changes has ended");
        if self.is_settled(now, timing) {
            return Aftermath::Worked;
        }
        // When its lease ends, the authority ends the stream.
        if time >= self.until - CLOCK_SKEW || self.end == Some(StreamEnd::Done) {
            return Aftermath::Ended;
        }
        let unreached = self.opened.is_none() && matches!(reply, Reply::Unreachable(_));
        let (failure, wait) = match (self.end, reply) {
            (Some(StreamEnd::Failed(failure)), _) => (failure, None),
            (_, Reply::Answer { status: 404 | 405 | 501, .. }) => (StreamFailure::Unsupported, None),
            (_, Reply::Answer { status: 200, .. }) => (ANOTHER, None),
            (_, Reply::Answer { retry_after, .. }) => {
                let (low, high) = timing.poll_interval;
                let wait = draw.between(low, high).max(retry_after.unwrap_or_default());
                (StreamFailure::Unopened, Some(wait))
            }
            (_, Reply::Unreachable(_)) => (if unreached { StreamFailure::Unopened } else { CUT }, None),
        };
        Aftermath::Failed { failure, wait, unreached }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::of_rule;

    fn at(boot_s: u64) -> Reading {
        Reading { boot: Duration::from_secs(boot_s), wall: Timestamp::from_seconds(0) }
    }

    fn stream() -> Stream {
        Stream {
            events: EventStream::default(),
            of: (LicenseId::from_bytes([1; 16]), ActivationId::from_bytes([2; 16])),
            opened: None,
            last: Duration::ZERO,
            began: false,
            count: 0,
            life: Duration::from_secs(3600),
            until: Timestamp::from_seconds(10_000),
            end: None,
        }
    }

    fn handle(stream: &mut Stream, text: &str, now: Reading) -> Result<(), StreamEnd> {
        for data in stream.take(text.as_bytes())? {
            let event = stream.parse(&data)?;
            stream.handled(&event, now);
        }
        stream.check(now, &Timing::default())
    }

    #[test]
    fn a_stream_has_to_begin_and_to_go_on() {
        let mut stream = stream();
        stream.open(at(0));
        assert_eq!(handle(&mut stream, "", at(9)), Ok(()));
        let held = Err(StreamEnd::Failed(StreamFailure::HeldBack(HELD)));
        assert_eq!(handle(&mut stream, "", at(10)), held);
        assert_eq!(handle(&mut stream, "data: {\"rev\":3}\n\n", at(9)), Ok(()));
        assert!(stream.began());
        assert_eq!(handle(&mut stream, "", at(53)), Ok(()));
        let silent = Err(StreamEnd::Failed(StreamFailure::Broken(HELD)));
        assert_eq!(handle(&mut stream, "", at(54)), silent);
    }

    #[test]
    fn it_is_closed_when_the_vectors_say() {
        for case in of_rule("E5") {
            let mut stream = stream();
            stream.open(at(0));
            for second in case["events"].as_array().unwrap() {
                let now = at(second.as_u64().unwrap());
                assert_eq!(handle(&mut stream, "data: {\"rev\":3}\n\n", now), Ok(()), "{case}");
            }
            let now = at(case["now"].as_u64().unwrap());
            let closed = stream.check(now, &Timing::default()).is_err();
            assert_eq!(closed, case["closed"].as_bool().unwrap(), "{case}");
        }
    }

    #[test]
    fn what_no_authority_sends_ends_it() {
        for text in ["data: {}\n\n", "data: [\n\n", "data: {\"rev\":-1}\n\n"] {
            let ended = handle(&mut stream(), text, at(0));
            assert_eq!(ended, Err(StreamEnd::Failed(CHANGED)), "{text}");
        }
        let flood = "data: {\"rev\":3}\n\n".repeat(1001);
        assert_eq!(handle(&mut stream(), &flood, at(0)), Err(StreamEnd::Failed(CHANGED)));
    }

    #[test]
    fn an_end_says_what_the_next_stream_may_hope_for() {
        let timing = Timing::default();
        let lost = || Reply::Unreachable("it ended".to_owned());
        let after = |stream: Stream, reply| {
            let time = Timestamp::from_seconds(0);
            stream.aftermath(reply, time, at(100), &timing, &Draw::new([0; 20]))
        };
        let (opened, now) = (Some(Duration::ZERO), Duration::from_secs(100));
        let settled = Stream { opened, began: true, ..stream() };
        assert_eq!(after(settled, lost()), Aftermath::Worked);
        let ended = Stream { opened: Some(now), end: Some(StreamEnd::Done), ..stream() };
        assert_eq!(after(ended, lost()), Aftermath::Ended);
        let failed = |failure, unreached| Aftermath::Failed { failure, wait: None, unreached };
        assert_eq!(after(Stream { opened: Some(now), ..stream() }, lost()), failed(CUT, false));
        assert_eq!(after(stream(), lost()), failed(StreamFailure::Unopened, true));
        let answer = |status| Reply::Answer { status, body: Vec::new(), retry_after: None };
        assert_eq!(after(stream(), answer(404)), failed(StreamFailure::Unsupported, false));
        assert_eq!(after(stream(), answer(200)), failed(ANOTHER, false));
        let (failure, wait) = (StreamFailure::Unopened, Some(timing.poll_interval.0));
        assert_eq!(after(stream(), answer(503)), Aftermath::Failed { failure, wait, unreached: false });
    }
}
