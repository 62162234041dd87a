//! Announcements of the authority between two heartbeats, over a stream or by polls. A refusal counts where it is signed.
//! Everything else is an unsigned hint: its only effect is an earlier heartbeat.

use std::time::Duration;

use kaching_base::Timestamp;

use super::{
    Engine, Request,
    change_event::ChangeEvent,
    change_transport::TransportKind,
    changes::HintOutcome,
    stream::{Aftermath, Stream, StreamEnd},
};
use crate::{clock::Reading, random::Draw, transport::Reply};

impl Engine {
    /// Takes the answer to a poll.
    pub(super) fn poll_answered(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(event) = self.parse::<ChangeEvent>(request, body, now, draw) else { return };
        let Some(rev) = event.rev else {
            return self.unanswered(request, "its answer cannot be read".to_owned(), None, now, draw);
        };
        if let Some(time) = event.now {
            self.delay.correct_clock(time, now.boot);
        }
        let waited = self.changes.transport.waits();
        self.changes.transport.poll_answered(now.boot);
        let news = self.change_announced(&event, rev, now, draw);
        let due = if self.changes.transport.kind() == TransportKind::Stream {
            now.boot
        } else if !waited {
            let (low, high) = self.settings.timing.poll_interval;
            now.boot + draw.between(low, high)
        } else if news {
            now.boot
        } else {
            now.boot.max(request.sent + self.settings.timing.poll_pause)
        };
        self.changes.transport.set_due(due);
    }

    /// Acts on an event of this revision, and returns whether it was news.
    fn change_announced(&mut self, event: &ChangeEvent, rev: u64, now: Reading, draw: &Draw) -> bool {
        let stopped = event.refusal.as_ref().is_some_and(|refusal| self.refusal_pushed(refusal, now));
        if stopped {
            self.delay.enact(event.at);
        }
        let (known_epoch, known_rev) = self.known_revision();
        let epoch = event.epoch.unwrap_or(known_epoch);
        let is_new = (epoch, rev) > (known_epoch, known_rev);
        if is_new {
            if epoch > known_epoch {
                // The authority was restored: its keyset says so too, and before the next yes it has to.
                self.keys.want();
            }
            let due = now.boot + draw.between(Duration::ZERO, event.spread());
            self.calls.heartbeat_by(due);
            self.changes.announce((epoch, rev), now.boot, due, event.at);
        }
        is_new || stopped
    }

    /// Returns the highest epoch and revision that are known, signed or not.
    pub(super) fn known_revision(&self) -> (u64, u64) {
        self.changes.known((self.lease.epoch(), self.lease.rev()))
    }

    /// Notes a statement of this epoch and revision that was asked for at `asked`.
    pub(super) fn answer_hint(&mut self, asked: Duration, epoch: u64, rev: Option<u64>) {
        match self.changes.answer_hint(asked, epoch, rev) {
            HintOutcome::Confirmed(change) => self.delay.enact(change),
            HintOutcome::Due(due) => self.calls.heartbeat_by(due),
            HintOutcome::None => {}
        }
    }

    /// Returns the change whose consequences came into force since the last call.
    pub(crate) fn take_enacted(&mut self) -> Option<Timestamp> {
        self.delay.take_enacted()
    }

    /// Notes that the change of that moment was acted upon: the next heartbeat reports how long that took.
    pub(crate) fn acted(&mut self, change: Timestamp, boot: Duration) {
        self.delay.acted(change, boot);
    }

    /// Takes a piece of the stream that was asked for: an empty one when its head has come, and when nothing comes for a
    /// while. Returns whether there may be more.
    pub(crate) fn streamed(&mut self, request: &Request, bytes: &[u8], now: Reading, draw: &Draw) -> bool {
        let Some(mut stream) = self.changes.take_stream() else { return false };
        let end = self.take_events(&mut stream, request, bytes, now, draw).err();
        let goes_on = end.is_none();
        stream.end(end);
        self.changes.set_stream(stream);
        goes_on
    }

    /// Whether a stream is open that is of no use any more.
    pub(crate) fn has_stale_stream(&self) -> bool {
        self.changes.stream().is_some_and(|stream| self.is_stale(stream))
    }

    fn is_stale(&self, stream: &Stream) -> bool {
        self.deactivated || self.lease.lease().is_some_and(|lease| !stream.is_of(lease))
    }

    fn take_events(
        &mut self,
        stream: &mut Stream,
        request: &Request,
        bytes: &[u8],
        now: Reading,
        draw: &Draw,
    ) -> Result<(), StreamEnd> {
        stream.open(now);
        if self.is_stale(stream) {
            return Err(StreamEnd::Done);
        }
        for data in stream.take(bytes)? {
            let event = stream.parse(&data)?;
            if let Some(time) = event.now {
                self.delay.read_clock(time, !stream.began(), request.sent, now.boot);
            }
            if let Some(rev) = event.rev {
                self.change_announced(&event, rev, now, draw);
            }
            stream.handled(&event, now);
            if stream.is_settled(now, &self.settings.timing) {
                self.changes.transport.stream_works();
            }
        }
        stream.check(now, &self.settings.timing)
    }

    /// Handles the end of the stream, or its failure to open.
    pub(super) fn stream_over(&mut self, reply: Reply, now: Reading, draw: &Draw) {
        let Some(stream) = self.changes.take_stream() else { return };
        if self.is_stale(&stream) {
            tracing::info!("the stream of changes of another license has ended");
            return self.changes.transport.set_due(now.boot);
        }
        let timing = &self.settings.timing;
        let transport = &mut self.changes.transport;
        match stream.aftermath(reply, self.time.now(now), now, timing, draw) {
            Aftermath::Worked => {
                transport.stream_works();
                transport.put_off(now.boot, timing, draw);
            }
            Aftermath::Ended => transport.put_off(now.boot, timing, draw),
            Aftermath::Failed { failure, wait, unreached } => {
                transport.stream_failed(&failure, now.boot, timing, draw);
                match (wait, transport.kind()) {
                    (Some(wait), _) => transport.set_due(now.boot + wait),
                    (None, TransportKind::Stream) => transport.put_off(now.boot, timing, draw),
                    (None, TransportKind::Poll) => transport.set_due(now.boot),
                }
                if unreached {
                    // The heartbeat shows whether the stream fails or the authority, for which all calls back off.
                    self.calls.heartbeat_at(now.boot);
                }
            }
        }
    }
}
