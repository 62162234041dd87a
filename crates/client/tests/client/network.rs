//! A network that fails, lies or is slow stops nothing; time does.

use std::time::Duration;

use kaching_base::ErrorCode;
use kaching_client::{State, Timing, Via};
use serde_json::json;

use crate::{
    authority::{Fault, problem},
    simulated::Launch as _,
    world::{DEADLINE, World, timing, until, until_active},
};

#[test]
fn without_contact_it_runs_until_the_grace_ends_and_comes_back_without_help() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    world.authority.change(|desk| desk.down = true);
    until(&guard, |state| matches!(state, State::Offline { .. }));
    guard.check().unwrap();
    world.clock.advance(259_000);
    guard.check().unwrap();
    world.clock.advance(1_101);
    // Checks know when the time is over, even if no thread runs.
    let denied = guard.check().unwrap_err();
    assert_eq!(denied.code, None);
    assert!(denied.to_string().contains("no contact"), "{denied}");
    guard.heartbeat_now();
    assert!(matches!(guard.state(), State::Unknown { .. }), "{:?}", guard.state());
    world.authority.change(|desk| desk.down = false);
    until_active(&guard);
    guard.check().unwrap();
}

#[test]
fn an_unsigned_answer_stops_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    let answers = [
        (403, problem(ErrorCode::LicenseRevoked).to_string()),
        (403, "<html>Please sign in to this network</html>".to_owned()),
        (200, "{}".to_owned()),
        (302, String::new()),
        (503, problem(ErrorCode::Overloaded).to_string()),
        (429, problem(ErrorCode::RateLimited).to_string()),
        (500, "x".repeat(300 * 1024)),
    ];
    for (status, body) in answers {
        let beats = world.authority.change(|desk| {
            desk.faults.push(("/v1/heartbeat", Fault::Say(status, body)));
            desk.beats.len()
        });
        guard.heartbeat_now();
        guard.require("audit_export").unwrap();
        world.authority.until(|desk| (desk.beats.len() > beats).then_some(()));
        until_active(&guard);
    }
}

#[test]
fn without_long_polls_it_polls_in_intervals() {
    let world = World::without_streams();
    let guard = world.launch();
    world.authority.change(|desk| {
        for _ in 0..3 {
            desk.faults.push(("/v1/changes", Fault::LoseAnswer));
        }
        desk.rev += 1;
    });
    until(&guard, |state| *state == State::Active { via: Via::Polling });
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until(&guard, |state| matches!(state, State::Refused { .. }));
}

#[test]
fn a_clock_set_back_after_a_reboot_extends_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    world.authority.change(|desk| desk.down = true);
    until(&guard, |state| matches!(state, State::Offline { .. }));
    world.clock.advance(259_000);
    drop(guard);
    world.clock.reboot();
    world.clock.set_wall(0);
    let guard = world.launch();
    guard.check().unwrap();
    world.clock.advance(1_101);
    guard.check().unwrap_err();
}

/// Whether the last question for changes names this revision.
fn asks_from(rev: u64) -> impl Fn(&crate::authority::Desk) -> Option<()> {
    move |desk| {
        let last = desk.seen.iter().rfind(|path| path.contains("/v1/changes"))?;
        last.contains(&format!("?rev={rev}&")).then_some(())
    }
}

#[test]
fn a_revision_that_nobody_signed_ends_with_the_next_lease() {
    let world = World::new();
    world.authority.change(|desk| desk.events = false);
    let guard = world.start();
    world.authority.until(asks_from(1));
    world.authority.change(|desk| {
        desk.faults.push(("/v1/changes", Fault::Say(200, r#"{"rev": 1000000}"#.to_owned())));
        desk.rev = 2;
    });
    // The next lease may end it before anybody looks at the last request again.
    let asked = |desk: &crate::authority::Desk| {
        desk.seen.iter().any(|path| path.contains("?rev=1000000&")).then_some(())
    };
    world.authority.until(asked);
    world.authority.until(asks_from(2));
    guard.check().unwrap();
}

#[test]
fn after_a_restore_it_asks_from_the_revision_that_holds_there() {
    let world = World::without_streams();
    let guard = world.launch();
    world.authority.change(|desk| desk.rev = 50);
    world.authority.until(asks_from(50));
    world.authority.change(|desk| desk.down = true);
    until(&guard, |state| matches!(state, State::Offline { .. }));
    world.authority.change(|desk| (desk.epoch, desk.rev, desk.down) = (2, 3, false));
    // On a busy machine contact may have been lost, and made again, before.
    guard.heartbeat_now();
    world.authority.until(asks_from(3));
}

#[test]
fn a_license_that_a_restore_suspends_runs_again_once_reinstated() {
    let world = World::without_streams();
    let guard = world.launch();
    world.authority.change(|desk| desk.rev = 50);
    world.authority.until(asks_from(50));
    world.authority.change(|desk| {
        (desk.epoch, desk.rev, desk.refuse) = (2, 3, Some(ErrorCode::LicenseSuspended));
    });
    guard.heartbeat_now();
    until(&guard, |state| matches!(state, State::Refused { .. }));
    world.authority.suspend(None);
    until_active(&guard);
}

/// As behind a proxy that answers polls itself.
#[test]
fn polls_that_get_nonsense_are_not_repeated_in_haste() {
    let world = World::without_streams();
    world.authority.change(|desk| {
        desk.faults.extend((0..100).map(|_| ("/v1/changes", Fault::Say(200, "<html>".to_owned()))));
    });
    let pause = Duration::from_millis(400);
    let guard =
        world.builder().timing(Timing { poll_interval: (pause, pause), ..timing() }).launch(&world).unwrap();
    let asked =
        |desk: &crate::authority::Desk| desk.seen.iter().filter(|path| path.contains("changes")).count();
    world.authority.until(|desk| (asked(desk) >= 4).then_some(()));
    let began = world.clock.passed();
    let (before, beats) = world.authority.change(|desk| (asked(desk), desk.beats.len()));
    world.authority.until(|desk| (asked(desk) >= before + 3).then_some(()));
    let took = world.clock.passed() - began;
    assert!(took >= 2 * pause, "three more polls after {took:?}");
    let beats = world.authority.desk().beats.len() - beats;
    assert!(beats <= 4, "{beats} heartbeats with three questions");
    guard.check().unwrap();
}

#[test]
fn a_refusal_that_nothing_can_verify_yet_delays_no_start() {
    let world = World::simulated();
    let mut refusal = problem(kaching_base::ErrorCode::LicenseRevoked);
    refusal["statement"] = json!("eyJhbGciOiJFZERTQSJ9.e30.AA");
    let answer = Fault::Say(403, refusal.to_string());
    world.authority.change(|desk| desk.faults.push(("/.well-known/kaching", answer)));
    let timing = Timing { refetch_interval: DEADLINE, ..timing() };
    world.builder().timing(timing).launch(&world).unwrap().check().unwrap();
}
