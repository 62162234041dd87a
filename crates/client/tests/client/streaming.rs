//! The stream of changes: what comes by it, what it survives, and what takes its place.

use std::time::Duration;

use kaching_base::{ActivationId, ErrorCode, Seconds};
use kaching_client::{Guard, State, Timing, Via, Warning};
use kaching_license::Refusal;
use serde_json::json;

use crate::{
    authority::{Desk, Fault, problem},
    simulated::Launch as _,
    world::{DEADLINE, World, eventually, timing, until, until_active, until_refused},
};

pub(crate) const EVENTS: &str = "/v1/events";

pub(crate) fn until_via(guard: &Guard, via: Via) {
    until(guard, |state| *state == State::Active { via });
}

/// How often a path was asked for.
pub(crate) fn asked(desk: &Desk, path: &str) -> usize {
    desk.seen.iter().filter(|seen| seen.contains(path)).count()
}

/// Whether people are warned of a proxy.
fn warns(guard: &Guard) -> bool {
    guard.warnings().iter().any(|warning| matches!(warning, Warning::Stream { .. }))
}

/// A world whose next streams meet this.
fn meeting(faults: impl IntoIterator<Item = Fault>) -> World {
    World::simulated().with_stream_faults(faults)
}

/// Intervals at which nothing but the stream and questions bring anything within a test, and streams soon fail.
pub(crate) fn slow() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        first_event_timeout: ms(300),
        silence_timeout: ms(300),
        stream_settled: ms(400),
        poll_interval: (DEADLINE, DEADLINE),
        ..timing()
    }
}

#[test]
fn a_hint_brings_a_heartbeat_within_its_time() {
    let world = World::simulated();
    let guard = world.builder().timing(slow()).launch(&world).unwrap();
    world.authority.until(|desk| (desk.begun > 0).then_some(()));
    for (plan, within_ms) in [("team", 500), ("community", 0), ("team", 1)] {
        world.authority.change(|desk| {
            (desk.plan, desk.within_ms) = (plan, within_ms);
            desk.rev += 1;
        });
        eventually("the change", || guard.require("federation").is_ok() == (plan == "team"));
    }
    let heard = |desk: &Desk| desk.beats.iter().find_map(|beat| beat.body["heard_ms"].as_u64());
    // The delay of a change is known once its lease counts: the next heartbeat reports it.
    world.authority.until(heard);
    assert_eq!(asked(&world.authority.desk(), "/v1/changes"), 0);
}

#[test]
fn a_change_while_a_stream_is_cut_is_not_missed() {
    let world = World::simulated();
    let guard =
        world.builder().timing(Timing { stream_settled: Duration::ZERO, ..slow() }).launch(&world).unwrap();
    until_via(&guard, Via::Stream);
    for code in [Some(ErrorCode::LicenseSuspended), None, Some(ErrorCode::LicenseExpired), None] {
        let streams = asked(&world.authority.desk(), EVENTS);
        world.authority.cut_streams(|desk| {
            desk.refuse = code;
            desk.rev += 1;
        });
        match code {
            Some(code) => until_refused(&guard, code.as_str()),
            None => until_via(&guard, Via::Stream),
        }
        world.authority.until(|desk| (asked(desk, EVENTS) > streams).then_some(()));
    }
    assert_eq!(guard.warnings(), []);
    assert_eq!(asked(&world.authority.desk(), "/v1/changes"), 0);
}

#[test]
fn streams_that_the_authority_ends_are_no_fault_of_the_network() {
    let world = World::simulated();
    let first = world.authority.desk().event(true);
    let end = |reason: &str| {
        let end = json!({"ends": reason, "now": world.authority.desk().clock()});
        Fault::Stream(format!("{first}event: end\ndata: {end}\n\n"))
    };
    // A server that is stopped again and again: each time the stream is simply opened again.
    let leaving = meeting((0..5).map(|_| end("leaving")));
    let guard =
        leaving.builder().timing(Timing { stream_retry: DEADLINE, ..slow() }).launch(&leaving).unwrap();
    leaving.authority.until(|desk| (asked(desk, EVENTS) > 5).then_some(()));
    until_via(&guard, Via::Stream);
    assert_eq!(guard.warnings(), []);
    // A stream that is replaced again and again gives way to polls, and no warning blames the network either.
    let replaced = meeting((0..3).map(|_| end("replaced")));
    let guard =
        replaced.builder().timing(Timing { stream_retry: DEADLINE, ..slow() }).launch(&replaced).unwrap();
    until_via(&guard, Via::LongPoll);
    assert_eq!(guard.warnings(), []);
}

#[test]
fn a_proxy_that_holds_back_events_is_reported_and_polls_take_over() {
    for text in [String::new(), ": held\n\n".to_owned(), "event: ping\ndata: {".to_owned()] {
        let world = meeting([Fault::Hold(text)]);
        let guard =
            world.builder().timing(Timing { stream_retry: DEADLINE, ..slow() }).launch(&world).unwrap();
        until_via(&guard, Via::LongPoll);
        let warning = guard.warnings().iter().map(ToString::to_string).collect::<String>();
        assert!(warning.contains("holds back") && warning.contains("buffering"), "{warning}");
        assert_eq!(asked(&world.authority.desk(), EVENTS), 1, "one is enough to know");
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until_refused(&guard, "license_suspended");
        assert!(warns(&guard));
    }
}

#[test]
fn once_a_stream_lives_again_the_warning_goes() {
    let world = meeting((0..2).map(|_| Fault::Hold(String::new())));
    let guard = world.builder().timing(slow()).launch(&world).unwrap();
    until_via(&guard, Via::LongPoll);
    until_via(&guard, Via::Stream);
    assert_eq!(guard.warnings(), []);
    assert_eq!(asked(&world.authority.desk(), EVENTS), 3);
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
}

#[test]
fn streams_that_are_cut_again_and_again_give_way_to_polls() {
    let world = World::simulated();
    let first = world.authority.desk().event(true);
    let silent = || Fault::Hold(first.clone());
    let cut = || Fault::Stream(first.clone());
    let cases = [
        ("cuts", [cut(), cut(), cut()]),
        ("cuts", [Fault::Stream(String::new()), cut(), Fault::Stream(String::new())]),
        ("holds back", [silent(), silent(), silent()]),
        ("changes", [(); 3].map(|()| Fault::Stream(format!("{first}data: <html>\n\n")))),
        ("changes", [(); 3].map(|()| Fault::Stream(format!("{first}data: {{}}\n\n")))),
        ("changes", [(); 3].map(|()| Fault::Hold("x".repeat(100_000)))),
        ("changes", [(); 3].map(|()| Fault::Hold(first.repeat(2_000)))),
        ("answers", [(); 3].map(|()| Fault::Say(200, "<html>".to_owned()))),
    ];
    for (why, faults) in cases {
        let world = meeting(faults);
        let guard =
            world.builder().timing(Timing { stream_retry: DEADLINE, ..slow() }).launch(&world).unwrap();
        until_via(&guard, Via::LongPoll);
        let warning = guard.warnings().iter().map(ToString::to_string).collect::<String>();
        assert!(warning.contains(why), "{why}: {warning}");
        assert_eq!(asked(&world.authority.desk(), EVENTS), 3, "{why}: the budget is three");
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until_refused(&guard, "license_suspended");
    }
}

#[test]
fn without_streams_and_long_polls_it_polls_in_intervals() {
    let world = meeting((0..3).map(|_| Fault::LoseAnswer));
    world.authority.change(|desk| {
        desk.faults.extend((0..3).map(|_| ("/v1/changes", Fault::LoseAnswer)));
        desk.rev += 1;
    });
    let guard = world.builder().timing(Timing { stream_retry: DEADLINE, ..timing() }).launch(&world).unwrap();
    until_via(&guard, Via::Polling);
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
}

#[test]
fn an_authority_without_streams_is_polled_without_a_warning() {
    let world = World::simulated();
    world.authority.change(|desk| desk.events = false);
    let guard = world.launch();
    until_via(&guard, Via::LongPoll);
    assert_eq!(guard.warnings(), []);
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    world.authority.suspend(None);
    until_via(&guard, Via::LongPoll);
    world.authority.change(|desk| desk.events = true);
    until_via(&guard, Via::Stream);
}

#[test]
fn an_authority_that_has_no_room_for_a_stream_is_asked_less_often_than_it_says() {
    let busy = || Fault::Say(503, problem(ErrorCode::Overloaded).to_string());
    let world = meeting((0..3).map(|_| busy()));
    let poll = Duration::from_millis(300);
    let began = world.clock.passed();
    let timing = Timing { poll_interval: (poll, poll), stream_retry: DEADLINE, ..slow() };
    let guard = world.builder().timing(timing).launch(&world).unwrap();
    until_via(&guard, Via::LongPoll);
    let took = world.clock.passed() - began;
    assert!(took >= 2 * poll, "three streams in {took:?}");
    assert_eq!(guard.warnings(), [], "nothing on the way is at fault");
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
}

#[test]
fn a_refusal_that_proves_nothing_stops_nothing() {
    type Forge = fn(&Desk) -> String;
    fn sign(desk: &Desk, changed: impl FnOnce(&mut Refusal)) -> String {
        desk.pushed(ErrorCode::LicenseRevoked, |refusal| {
            refusal.rev = Some(9);
            changed(refusal);
        })
    }
    let forged: &[Forge] = &[
        |_| "unsigned".to_owned(),
        |desk| format!("{}.", sign(desk, |_| {}).rsplit_once('.').unwrap().0),
        |desk| sign(desk, |_| {}).replacen('.', ".e", 1),
        |desk| sign(desk, |refusal| refusal.act = Some(ActivationId::from_bytes([5; 16]))),
        |desk| sign(desk, |refusal| refusal.sub = None),
        |desk| sign(desk, |refusal| refusal.iss = "https://elsewhere.example.com".to_owned()),
        |desk| sign(desk, |refusal| refusal.epoch = 0),
        |desk| sign(desk, |refusal| (refusal.rev, refusal.iat) = (Some(0), refusal.iat - Seconds(5))),
        |desk| sign(desk, |refusal| refusal.exp = refusal.iat - Seconds(1)),
    ];
    for forge in forged {
        let world = World::simulated();
        world.authority.change(|desk| {
            let event = json!({"rev": 1, "epoch": 1, "refusal": forge(desk)});
            desk.faults.push((EVENTS, Fault::Stream(format!("data: {event}\n\n"))));
        });
        let guard = world.launch();
        // The stream after that one comes when all of it was read.
        world.authority.until(|desk| (asked(desk, EVENTS) > 1).then_some(()));
        guard.check().unwrap();
        until_active(&guard);
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until_refused(&guard, "license_suspended");
    }
}

#[test]
fn the_same_refusal_with_a_signature_stops() {
    let world = World::simulated();
    world.authority.change(|desk| {
        let refusal = desk.pushed(ErrorCode::LicenseRevoked, |refusal| refusal.rev = Some(9));
        let event = json!({"rev": 9, "epoch": 1, "refusal": refusal});
        desk.faults.push((EVENTS, Fault::Hold(format!("data: {event}\n\n"))));
    });
    let guard = world.launch();
    until_refused(&guard, "license_revoked");
}

#[test]
fn an_authority_that_is_gone_is_found_again() {
    let world = World::simulated();
    let guard = world.launch();
    until_via(&guard, Via::Stream);
    for _ in 0..2 {
        world.authority.change(|desk| desk.down = true);
        until(&guard, |state| matches!(state, State::Offline { .. }));
        guard.check().unwrap();
        world.authority.change(|desk| desk.down = false);
        until_active(&guard);
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until_refused(&guard, "license_suspended");
        world.authority.suspend(None);
        until_active(&guard);
    }
}

#[test]
fn a_restored_authority_is_asked_for_its_keys_and_a_lease_and_stops_nobody() {
    let world = World::simulated();
    world.authority.change(|desk| desk.rev = 50);
    let guard = world.builder().timing(slow()).launch(&world).unwrap();
    world.authority.until(|desk| (asked(desk, EVENTS) > 0).then_some(()));
    let before = world.authority.change(|desk| {
        (desk.epoch, desk.rev, desk.plan, desk.keyset_version) = (2, 3, "team", 2);
        asked(desk, "well-known")
    });
    eventually("the lease of the new epoch", || {
        guard.check().unwrap();
        guard.require("federation").is_ok()
    });
    assert!(asked(&world.authority.desk(), "well-known") > before);
    // The new epoch counts, although its revisions are lower.
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
}

#[test]
fn an_epoch_that_nobody_signed_ends_with_the_next_lease() {
    let event = "data: {\"rev\": 1000000, \"epoch\": 1000000}\n\n".to_owned();
    let world = meeting([Fault::Stream(event)]);
    let guard = world.launch();
    world.authority.until(|desk| (asked(desk, EVENTS) > 1).then_some(()));
    guard.check().unwrap();
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
}

#[test]
fn an_authority_that_refuses_delays_still_gets_heartbeats() {
    let world = World::simulated();
    world.authority.change(|desk| desk.takes_heard = false);
    let guard = world.launch();
    until_via(&guard, Via::Stream);
    world.authority.until(|desk| (asked(desk, EVENTS) > 0).then_some(()));
    for _ in 0..2 {
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until_refused(&guard, "license_suspended");
        let refusals = world.authority.desk().refusals;
        world.authority.until(|desk| (desk.refusals > refusals + 1).then_some(()));
        world.authority.suspend(None);
        until_via(&guard, Via::Stream);
    }
    assert_eq!(world.authority.desk().not_heard, 1, "once is enough to know");
}
