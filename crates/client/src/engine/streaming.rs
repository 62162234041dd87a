//! The stream of changes: its events as they come, and what its end means.

use std::time::Duration;

use kaching_base::{ActivationId, LicenseId, Seconds, Timestamp};
use kaching_license::Lease;

use super::{
    Engine, Request,
    changes::Told,
    hearing::{Loss, Way},
    measure::TheirClock,
};
use crate::{
    clock::Reading,
    event_stream::{EventStream, TooLong},
    random::Draw,
    transport::Reply,
};

/// More events than these, and so many a second, are no authority's.
const EVENTS: u64 = 1000;
const EVENTS_PER_S: u64 = 10;

/// By so much the authority's clock may be ahead of this one.
const LATELY: Seconds = Seconds(5);

const CUT: Loss = Loss::Spoilt("something cuts the connection");
const HELD: &str = "something holds back what the license authority sends";
const CHANGED: Loss = Loss::Spoilt("something changes what the license authority sends");
const ANOTHER: Loss = Loss::Spoilt("something else answers");

/// A stream that was asked for.
pub(super) struct Stream {
    events: EventStream,
    /// Whose changes it brings.
    of: (LicenseId, ActivationId),
    /// When its head came.
    opened: Option<Duration>,
    /// When its last event came, or its head.
    last: Duration,
    /// Whether the present state has come, with which every stream begins.
    began: bool,
    count: u64,
    /// How long it may live.
    life: Duration,
    /// The lease that it was asked for with counts no longer.
    until: Timestamp,
    /// Why this side ended it.
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    /// It has lived for long enough, its server stops, or it brings the changes of a license that is no longer this
    /// one's.
    Done,
    Lost(Loss),
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

    fn lived(&self, now: Reading) -> Duration {
        self.opened.map_or(Duration::ZERO, |opened| now.boot.saturating_sub(opened))
    }
}

impl Engine {
    /// Takes a piece of the stream that was asked for: none when its head has come, and where nothing comes for a while.
    /// Whether there may be more.
    pub(crate) fn streamed(&mut self, request: &Request, bytes: &[u8], now: Reading, draw: &Draw) -> bool {
        let Some(mut stream) = self.stream.take() else { return false };
        stream.end = self.flows(&mut stream, request, bytes, now, draw).err();
        let goes_on = stream.end.is_none();
        self.stream = Some(stream);
        goes_on
    }

    /// Whether a stream is open that is of no use any more.
    pub(crate) fn has_stale_stream(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| self.is_stale(stream))
    }

    fn is_stale(&self, stream: &Stream) -> bool {
        let own = self.lease().map(|lease| (lease.sub, lease.act));
        self.ended || own.is_some_and(|own| own != stream.of)
    }

    fn flows(
        &mut self,
        stream: &mut Stream,
        request: &Request,
        bytes: &[u8],
        now: Reading,
        draw: &Draw,
    ) -> Result<(), End> {
        if stream.opened.is_none() {
            (stream.opened, stream.last) = (Some(now.boot), now.boot);
        }
        if self.is_stale(stream) {
            return Err(End::Done);
        }
        for data in stream.events.take(bytes).map_err(|TooLong| End::Lost(CHANGED))? {
            stream.count += 1;
            let told = serde_json::from_slice::<Told>(&data).map_err(|_| End::Lost(CHANGED))?;
            self.event_came(stream, request, &told, now, draw)?;
        }
        let timing = &self.settings.timing;
        let lived = stream.lived(now);
        if stream.count > EVENTS + EVENTS_PER_S * lived.as_secs() {
            return Err(End::Lost(CHANGED));
        }
        if now.boot >= stream.last + if stream.began { timing.silence } else { timing.first } {
            return Err(End::Lost(if stream.began { Loss::Spoilt(HELD) } else { Loss::Held(HELD) }));
        }
        if lived >= stream.life { Err(End::Done) } else { Ok(()) }
    }

    fn event_came(
        &mut self,
        stream: &mut Stream,
        request: &Request,
        told: &Told,
        now: Reading,
        draw: &Draw,
    ) -> Result<(), End> {
        if told.rev.is_none() && told.now.is_none() {
            return Err(End::Lost(CHANGED));
        }
        if let Some(reason) = &told.ends {
            // Another server, or the next process of this one, has the rest. All else tells nothing of the network, but
            // that the next stream may end as soon.
            return Err(if reason == "leaving" { End::Done } else { End::Lost(Loss::Unopened) });
        }
        match (&mut self.their_clock, told.now) {
            (Some(clock), Some(said)) if stream.began => clock.again(said, now.boot),
            (clock, Some(said)) => *clock = Some(TheirClock::first(said, request.sent, now.boot)),
            (_, None) => {}
        }
        if let Some(rev) = told.rev {
            self.told(told, rev, now, draw);
            stream.began = true;
        }
        if stream.began {
            stream.last = now.boot;
        }
        if stream.began && stream.lived(now) >= self.settings.timing.settled {
            self.pace.hearing.stream_works();
        }
        Ok(())
    }

    /// The stream has ended, or did not come about.
    pub(super) fn stream_over(&mut self, reply: Reply, now: Reading, draw: &Draw) {
        let Some(stream) = self.stream.take() else { return };
        let timing = self.settings.timing.clone();
        let stale = self.is_stale(&stream);
        let settled = stream.began && stream.lived(now) >= timing.settled;
        let why = if let Reply::Unreachable(why) = &reply { why.as_str() } else { "another answer" };
        tracing::info!(end = ?stream.end, why, lived = ?stream.lived(now), "the stream of changes has ended");
        if stale {
            self.pace.hearing.due = now.boot;
            return;
        }
        // With its lease an authority ends it, too.
        let over = self.now(now) >= stream.until - LATELY;
        let hearing = &mut self.pace.hearing;
        if settled || over || matches!(stream.end, Some(End::Done)) {
            if settled {
                hearing.stream_works();
            }
            return hearing.put_off(now.boot, &timing, draw);
        }
        let unreached = stream.opened.is_none() && matches!(reply, Reply::Unreachable(_));
        let (loss, wait) = match (stream.end, reply) {
            (Some(End::Lost(loss)), _) => (loss, None),
            (_, Reply::Answer { status: 404 | 405 | 501, .. }) => (Loss::None, None),
            (_, Reply::Answer { status: 200, .. }) => (ANOTHER, None),
            (_, Reply::Answer { retry_after, .. }) => {
                let (low, high) = timing.poll;
                (Loss::Unopened, Some(draw.between(low, high).max(retry_after.unwrap_or_default())))
            }
            (_, Reply::Unreachable(_)) => (if unreached { Loss::Unopened } else { CUT }, None),
        };
        hearing.stream_lost(&loss, now.boot, &timing, draw);
        match (wait, hearing.way()) {
            (Some(wait), _) => hearing.due = now.boot + wait,
            (None, Way::Stream) => hearing.put_off(now.boot, &timing, draw),
            (None, Way::Question) => hearing.due = now.boot,
        }
        if unreached {
            // The heartbeat shows whether it is the stream or the authority, for which all wait longer and longer.
            self.pace.heartbeat = now.boot;
        }
    }
}
