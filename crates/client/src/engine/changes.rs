//! The changes that were announced and are not in a lease yet, and the stream or poll that announces them.

use std::time::Duration;

use kaching_base::Timestamp;

use super::{change_transport::ChangeTransport, stream::Stream};

/// A change that no lease contains yet.
#[derive(Clone, Debug)]
struct Hint {
    epoch: u64,
    rev: u64,
    came: Duration,
    /// When the heartbeat that it asks for is due.
    due: Duration,
    at: Option<Timestamp>,
}

/// The effect of a statement on the hint.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HintOutcome {
    /// There was none, or one that the statement does not confirm.
    None,
    /// The statement contains the change of this moment.
    Confirmed(Option<Timestamp>),
    /// It came after the statement was asked for: a heartbeat is still due then.
    Due(Duration),
}

/// The changes that this process knows of. Times are those of the boot clock.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) transport: ChangeTransport,
    in_flight: bool,
    /// The stream that is open, or asked for.
    stream: Option<Stream>,
    /// The highest epoch and revision that were announced.
    announced: (u64, u64),
    hint: Option<Hint>,
}

impl Changes {
    pub(super) fn new(now: Duration) -> Self {
        let transport = ChangeTransport::new(now);
        Self { transport, in_flight: false, stream: None, announced: (0, 0), hint: None }
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

    pub(super) fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    pub(super) fn set_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    pub(super) fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    /// Returns the highest epoch and revision that are known, by a signed statement (`signed`) or an announcement.
    pub(super) fn known(&self, signed: (u64, u64)) -> (u64, u64) {
        signed.max(self.announced)
    }

    /// Announcements without a signature, or from before a restore, end with a signed statement.
    pub(super) fn reset_to(&mut self, epoch: u64, rev: u64) {
        self.announced = (epoch, rev);
    }

    /// Notes a change that was announced at `came`, with the heartbeat that it asks for.
    pub(super) fn announce(
        &mut self,
        (epoch, rev): (u64, u64),
        came: Duration,
        due: Duration,
        at: Option<Timestamp>,
    ) {
        self.announced = (epoch, rev);
        self.hint = Some(Hint { epoch, rev, came, due, at });
    }

    /// Notes a statement of this epoch and revision that was asked for at `asked`. It settles the hint, unless that
    /// came later and the statement does not contain its change.
    pub(super) fn answer_hint(&mut self, asked: Duration, epoch: u64, rev: Option<u64>) -> HintOutcome {
        let Some(hint) = self.hint.take() else { return HintOutcome::None };
        if rev.is_some_and(|rev| (epoch, rev) >= (hint.epoch, hint.rev)) {
            return HintOutcome::Confirmed(hint.at);
        }
        if hint.came < asked {
            return HintOutcome::None;
        }
        let due = hint.due;
        self.announced = (hint.epoch, hint.rev);
        self.hint = Some(hint);
        HintOutcome::Due(due)
    }

    /// Begins with another license.
    pub(super) fn begin_license(&mut self) {
        (self.announced, self.hint) = ((0, 0), None);
        self.transport.retry_streams();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_hint_stays_until_a_statement_that_was_asked_for_later() {
        let moment = Some(Timestamp::from_seconds(1));
        let mut changes = Changes::new(s(0));
        assert_eq!(changes.answer_hint(s(5), 1, Some(9)), HintOutcome::None);
        changes.announce((1, 8), s(10), s(12), moment);
        assert_eq!(changes.known((1, 7)), (1, 8));
        changes.reset_to(1, 7);
        assert_eq!(changes.answer_hint(s(9), 1, Some(7)), HintOutcome::Due(s(12)), "it came meanwhile");
        assert_eq!(changes.known((1, 7)), (1, 8));
        assert_eq!(changes.answer_hint(s(9), 1, Some(8)), HintOutcome::Confirmed(moment));
        changes.announce((1, 9), s(20), s(22), moment);
        assert_eq!(changes.answer_hint(s(21), 1, Some(8)), HintOutcome::None, "the authority knows better");
        assert_eq!(changes.answer_hint(s(9), 1, Some(9)), HintOutcome::None);
    }
}
