//! The stream of changes with the intervals of a real client: a test carries every piece, and time passes as it says.

use std::{cell::Cell, time::Duration};

use kaching_base::ErrorCode;
use kaching_client::{
    Guard, State, Timing, Via, Warning,
    simulation::{Sent, Simulation, Step},
};

use crate::{authority::Desk, world::World};

/// A guard without threads that has started, and its world.
pub(crate) struct Stepped {
    pub(crate) world: World,
    pub(crate) simulation: Simulation,
    /// How long it has waited, in seconds.
    waited: Cell<u64>,
}

impl Stepped {
    fn new() -> Self {
        Self::of(|_| {})
    }

    /// A guard that has started at an authority with this change.
    pub(crate) fn of(change: impl FnOnce(&mut Desk)) -> Self {
        let world = World::new();
        world.authority.change(change);
        let counter = std::sync::atomic::AtomicU8::new(0);
        let fill = move |bytes: &mut [u8]| {
            bytes.fill(counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        };
        let simulation = world.builder().timing(Timing::default()).simulate(fill).unwrap();
        let stepped = Self { world, simulation, waited: Cell::new(0) };
        stepped.calls();
        stepped.simulation.start_outcome().unwrap().unwrap();
        stepped
    }

    pub(crate) fn guard(&self) -> &Guard {
        self.simulation.guard()
    }

    /// Sends a heartbeat now.
    pub(crate) fn heartbeat(&self) {
        self.wait(Duration::from_secs(400));
        self.calls();
    }

    /// Loses the calls that are due, until none is.
    pub(crate) fn lose_calls(&self) {
        while let Step::Send(sent) = self.simulation.call() {
            self.simulation.lose(&sent, "the network is down");
        }
    }

    /// Carries all calls that are due.
    pub(crate) fn calls(&self) {
        while let Step::Send(sent) = self.simulation.call() {
            self.answer(&sent);
        }
    }

    fn answer(&self, sent: &Sent) {
        let (status, body) = self.world.authority.answer(&sent.carried());
        self.simulation.answer(sent, status, body);
    }

    /// The next poll or stream, or how long none is due.
    fn asks(&self) -> Result<Sent, Duration> {
        match self.simulation.poll() {
            Step::Send(sent) => Ok(sent),
            Step::Wait(wait) => Err(wait),
        }
    }

    /// The next poll or stream, after any wait.
    fn asks_soon(&self) -> Sent {
        for _ in 0..100 {
            match self.asks() {
                Ok(sent) => return sent,
                Err(wait) => self.wait(wait),
            }
            self.calls();
        }
        panic!("it asks for nothing");
    }

    /// A stream whose first event is here.
    fn streams(&self) -> Sent {
        let stream = self.asks_soon();
        assert!(stream.streams(), "{}", stream.path());
        assert!(self.simulation.piece(&stream, b""));
        let first = self.world.authority.desk().event(true);
        assert!(self.simulation.piece(&stream, first.as_bytes()));
        stream
    }

    /// The next stream that it asks for, after questions to which there is nothing to say.
    fn streams_in_time(&self) -> Sent {
        loop {
            let sent = self.asks_soon();
            if sent.streams() {
                return sent;
            }
            // It has waited at the authority, and nothing has changed.
            self.wait(Duration::from_secs(30));
            self.simulation.answer(&sent, 200, br#"{"rev": 1, "epoch": 1}"#.to_vec());
            self.calls();
        }
    }

    pub(crate) fn wait(&self, time: Duration) {
        let seconds = time.as_secs().max(1);
        self.waited.set(self.waited.get() + seconds);
        self.world.clock.advance(seconds);
    }

    fn beats(&self) -> usize {
        self.world.authority.desk().beats.len()
    }

    fn via(&self) -> Option<Via> {
        match self.simulation.guard().state() {
            State::Active { via } => Some(via),
            _ => None,
        }
    }
}

const PING: &[u8] = b"event: ping\ndata: {\"now\": \"2027-01-15T08:00:00Z\"}\n\n";

#[test]
fn a_hint_outlives_the_answer_to_a_heartbeat_from_before_it() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    stepped.wait(Duration::from_secs(400));
    let Step::Send(heartbeat) = stepped.simulation.call() else { panic!("no heartbeat is due") };
    assert_eq!(heartbeat.path(), "/v1/heartbeat");
    let (status, body) = stepped.world.authority.answer(&heartbeat.carried());
    let hint = stepped.world.authority.change(|desk| {
        (desk.plan, desk.rev) = ("team", 2);
        desk.event(false)
    });
    assert!(stepped.simulation.piece(&stream, hint.as_bytes()));
    stepped.simulation.answer(&heartbeat, status, body);
    stepped.simulation.guard().require("federation").unwrap_err();
    stepped.calls();
    stepped.simulation.guard().require("federation").unwrap();
    let beats = stepped.beats();
    stepped.wait(Duration::from_secs(60));
    stepped.calls();
    assert_eq!(stepped.beats(), beats, "it is answered once");
}

#[test]
fn a_hint_that_no_lease_confirms_costs_one_heartbeat() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    let beats = stepped.beats();
    for _ in 0..3 {
        assert!(stepped.simulation.piece(&stream, b"data: {\"rev\": 77, \"epoch\": 77}\n\n"));
    }
    stepped.calls();
    stepped.wait(Duration::from_secs(60));
    stepped.calls();
    assert_eq!(stepped.beats(), beats + 1);
}

#[test]
fn heartbeats_after_a_hint_are_spread_over_its_time() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    let mut sooner = 0;
    for rev in 2..40 {
        let hint = stepped.world.authority.change(|desk| {
            (desk.rev, desk.within_ms) = (rev, 40_000);
            desk.event(false)
        });
        let beats = stepped.beats();
        assert!(stepped.simulation.piece(&stream, hint.as_bytes()));
        stepped.wait(Duration::from_secs(20));
        stepped.calls();
        sooner += usize::from(stepped.beats() > beats);
        stepped.wait(Duration::from_secs(21));
        assert!(stepped.simulation.piece(&stream, PING));
        stepped.calls();
        assert!(stepped.beats() > beats, "revision {rev}");
    }
    assert!((5..35).contains(&sooner), "{sooner} of 38 in the first half");
}

#[test]
fn three_pings_may_be_missing_and_no_more() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    for _ in 0..3 {
        stepped.wait(Duration::from_secs(44));
        assert!(stepped.simulation.piece(&stream, PING));
    }
    stepped.wait(Duration::from_secs(44));
    assert!(stepped.simulation.piece(&stream, b": not from the authority\n"));
    stepped.wait(Duration::from_secs(1));
    assert!(!stepped.simulation.piece(&stream, b""));
    stepped.simulation.lose(&stream, "it was enough");
    assert_eq!(stepped.via(), Some(Via::Stream), "one that has lived for minutes is opened again");
    stepped.streams();
}

#[test]
fn a_stream_that_is_held_back_gives_way_to_polls_and_comes_back_minutes_later() {
    let stepped = Stepped::new();
    let mut apart = Vec::new();
    for _ in 0..4 {
        let began = stepped.waited.get();
        let stream = stepped.streams_in_time();
        apart.push(stepped.waited.get() - began);
        assert!(stepped.simulation.piece(&stream, b""));
        stepped.wait(Duration::from_secs(9));
        assert!(stepped.simulation.piece(&stream, b""));
        stepped.wait(Duration::from_secs(1));
        assert!(!stepped.simulation.piece(&stream, b""));
        stepped.simulation.lose(&stream, "it was enough");
        assert_eq!(stepped.via(), Some(Via::LongPoll));
        let warned = stepped.simulation.guard().warnings();
        assert!(matches!(&warned[..], [Warning::Stream { .. }]), "{warned:?}");
    }
    assert!(apart[1] >= 240 && apart[2] >= 480 && apart[3] >= 960, "{apart:?}");
    // The next one lives: that is believed once it has done so for a minute.
    stepped.wait(Duration::from_secs(7200));
    stepped.calls();
    let question = stepped.asks_soon();
    assert!(!question.streams(), "the stream may keep all to itself: a question comes before");
    stepped.simulation.answer(&question, 200, br#"{"rev": 1, "epoch": 1}"#.to_vec());
    let stream = stepped.streams();
    assert_eq!(stepped.via(), Some(Via::LongPoll));
    for _ in 0..5 {
        stepped.wait(Duration::from_secs(15));
        assert!(stepped.simulation.piece(&stream, PING));
    }
    assert_eq!(stepped.via(), Some(Via::Stream));
    assert_eq!(stepped.simulation.guard().warnings(), []);
}

#[test]
fn a_stream_that_nobody_answers_leaves_it_to_a_heartbeat_whether_there_is_contact() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    stepped.simulation.lose(&stream, "it ended");
    let again = stepped.asks_soon();
    assert!(again.streams());
    let beats = stepped.beats();
    stepped.simulation.lose(&again, "nothing listens there");
    assert_eq!(stepped.via(), Some(Via::Stream), "nothing is known yet");
    stepped.wait(Duration::from_secs(5));
    let Step::Send(heartbeat) = stepped.simulation.call() else { panic!("no heartbeat is due") };
    stepped.simulation.lose(&heartbeat, "nothing listens there");
    assert!(matches!(stepped.simulation.guard().state(), State::Offline { .. }));
    assert!(stepped.asks().is_err(), "it asks for nothing until a heartbeat was answered");
    stepped.wait(Duration::from_secs(5));
    stepped.calls();
    assert!(stepped.beats() > beats);
    stepped.streams();
}

#[test]
fn a_question_waits_half_as_long_after_a_gateway_gave_up_on_it() {
    let stepped = Stepped::new();
    // No stream lives here.
    let stream = stepped.asks_soon();
    stepped.simulation.answer(&stream, 404, Vec::new());
    let waits = |sent: &Sent| sent.path().split("wait=").nth(1).unwrap().parse::<u64>().unwrap();
    let here = || br#"{"rev": 1, "epoch": 1}"#.to_vec();
    let first = stepped.asks_soon();
    assert_eq!(waits(&first), 20, "nothing shows yet that waiting works");
    stepped.simulation.answer(&first, 200, here());
    let second = stepped.asks_soon();
    assert_eq!(waits(&second), 45, "the longest is less than the minute of most proxies");
    stepped.simulation.answer(&second, 504, b"<html>".to_vec());
    let third = stepped.asks_soon();
    assert_eq!(waits(&third), 22);
    stepped.simulation.answer(&third, 200, here());
    let fourth = stepped.asks_soon();
    assert_eq!(waits(&fourth), 22, "and it stays with what works");
    stepped.simulation.answer(&fourth, 504, b"<html>".to_vec());
    let fifth = stepped.asks_soon();
    assert_eq!(waits(&fifth), 11);
    stepped.simulation.answer(&fifth, 504, b"<html>".to_vec());
    let began = stepped.waited.get();
    let sixth = stepped.asks_soon();
    assert_eq!(waits(&sixth), 5);
    stepped.simulation.answer(&sixth, 504, b"<html>".to_vec());
    stepped.asks_soon();
    assert!(stepped.waited.get() - began >= 20, "a gateway that waits for nothing is not asked in a loop");
}

#[test]
fn a_stream_ends_after_an_hour_and_another_takes_its_place() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    let mut lived = 0;
    while stepped.simulation.piece(&stream, PING) {
        stepped.wait(Duration::from_secs(15));
        stepped.calls();
        lived += 15;
        assert!(lived < 5000);
    }
    assert!(lived > 2800, "{lived} s");
    stepped.simulation.lose(&stream, "it was enough");
    stepped.streams();
    assert_eq!(stepped.via(), Some(Via::Stream));
}

#[test]
fn a_stop_on_the_stream_is_on_disk_before_the_next_piece() {
    let stepped = Stepped::new();
    let stream = stepped.streams();
    let refusal = stepped.world.authority.change(|desk| {
        (desk.refuse, desk.rev) = (Some(ErrorCode::LicenseRevoked), 2);
        desk.event(false)
    });
    let (half, rest) = refusal.split_at(refusal.len() - 1);
    assert!(stepped.simulation.piece(&stream, half.as_bytes()));
    stepped.simulation.guard().check().unwrap();
    assert!(stepped.simulation.piece(&stream, rest.as_bytes()));
    assert_eq!(stepped.simulation.guard().check().unwrap_err().code_text(), "license_revoked");
    let Stepped { world, simulation, .. } = stepped;
    simulation.kill();
    let again = world.builder().simulate(|bytes| bytes.fill(0)).unwrap();
    assert_eq!(again.guard().check().unwrap_err().code_text(), "license_revoked");
}
