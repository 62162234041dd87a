//! An installation that has lost its slot: a signed answer of its authority stops it.

use kaching_base::{ActivationId, ErrorCode};
use kaching_client::{Guard, StartError, State};

use crate::{
    authority::{Desk, Fault},
    simulated::Launch as _,
    world::{World, until_active, until_refused},
};

/// Displaces the credential, as somebody with the key can, and has every activation refused from then on.
fn displace(world: &World, code: ErrorCode, change: impl FnOnce(&mut Desk)) {
    world.authority.change(|desk| {
        desk.generation += 1;
        desk.refuse = Some(code);
        change(desk);
    });
}

fn running(world: &World) -> Guard {
    let guard = world.launch();
    until_active(&guard);
    guard
}

/// Waits until so many signed refusals were answered.
fn refused_times(world: &World, times: usize) {
    world.authority.until(|desk| (desk.refusals >= times).then_some(()));
}

#[test]
fn a_signed_refusal_of_its_activation_stops_it_and_is_on_disk() {
    for code in
        [ErrorCode::ActivationLimitReached, ErrorCode::ActivationSuperseded, ErrorCode::MovesExhausted]
    {
        let world = World::simulated();
        let guard = running(&world);
        displace(&world, code, |_| {});
        guard.heartbeat_now();
        until_refused(&guard, code.as_str());
        drop(guard);
        world.authority.change(|desk| desk.down = true);
        let error = world.builder().start_timeout(std::time::Duration::from_millis(300)).launch(&world).err();
        let stopped = |error: &StartError| matches!(error, StartError::Refused { code: found, .. } if *found == code.into());
        assert!(error.as_ref().is_some_and(stopped), "{error:?}");
    }
}

#[test]
fn it_runs_again_without_a_restart_once_a_slot_is_free() {
    let world = World::simulated();
    let guard = running(&world);
    displace(&world, ErrorCode::ActivationLimitReached, |_| {});
    guard.heartbeat_now();
    until_refused(&guard, "activation_limit_reached");
    assert!(!guard.license().refusal.unwrap().holders.is_empty());
    world.authority.change(|desk| desk.refuse = None);
    until_active(&guard);
    guard.require("audit_export").unwrap();
}

#[test]
fn a_start_whose_slot_others_have_fails_and_names_them() {
    let world = World::simulated();
    drop(running(&world));
    displace(&world, ErrorCode::ActivationLimitReached, |_| {});
    let error = world.builder().launch(&world).err().unwrap();
    assert!(matches!(&error, StartError::Held { holders, .. } if !holders.is_empty()), "{error}");
    // The next one need not find out again that its credential is displaced.
    let seen = world.authority.desk().seen.len();
    let error = world.builder().launch(&world).err().unwrap();
    assert!(matches!(error, StartError::Held { .. }), "{error}");
    let beats = world.authority.desk().seen[seen..].iter().any(|call| call.contains("heartbeat"));
    assert!(!beats);
    world.authority.change(|desk| desk.refuse = None);
    world.launch().check().unwrap();
}

#[test]
fn one_that_was_moved_away_does_not_ask_to_be_activated_again() {
    let world = World::simulated();
    let guard = running(&world);
    displace(&world, ErrorCode::ActivationSuperseded, |_| {});
    guard.heartbeat_now();
    until_refused(&guard, "activation_superseded");
    let seen = world.authority.desk().seen.len();
    world.authority.until(|desk| (desk.seen.len() >= seen + 5).then_some(()));
    assert!(!world.authority.desk().seen[seen..].iter().any(|call| call.contains("activate")));
}

#[test]
fn after_a_restore_it_runs_to_the_end_of_its_lease() {
    let world = World::simulated();
    let guard = running(&world);
    displace(&world, ErrorCode::ActivationLimitReached, |desk| {
        desk.epoch += 1;
        desk.keyset_version += 1;
    });
    guard.heartbeat_now();
    refused_times(&world, 3);
    guard.check().unwrap();
    assert!(!matches!(guard.state(), State::Refused { .. }), "{:?}", guard.state());
    drop(guard);
    let guard = world.launch();
    guard.check().unwrap();
    world.clock.advance(259_200 + 901);
    until_refused(&guard, "activation_limit_reached");
}

#[test]
fn a_refusal_of_another_license_takes_no_slot() {
    let world = World::simulated();
    let guard = running(&world);
    displace(&world, ErrorCode::ActivationLimitReached, Desk::other_license);
    guard.heartbeat_now();
    refused_times(&world, 3);
    guard.check().unwrap();
}

#[test]
fn an_unsigned_refusal_takes_no_slot() {
    let world = World::simulated();
    let guard = running(&world);
    let problem = crate::authority::problem(ErrorCode::ActivationLimitReached).to_string();
    world.authority.change(|desk| {
        desk.generation += 1;
        desk.faults.push(("/v1/activate", Fault::Say(403, problem)));
    });
    guard.heartbeat_now();
    world.authority.until(|desk| (desk.generation == 3).then_some(()));
    until_active(&guard);
}

#[test]
fn an_installation_that_may_not_move_a_slot_here_keeps_its_own() {
    let world = World::simulated();
    drop(running(&world));
    world.authority.change(|desk| desk.refuse = Some(ErrorCode::MovesExhausted));
    let other = ActivationId::from_bytes([6; 16]);
    let guard = world.builder().moves_from(other).launch(&world).unwrap();
    guard.check().unwrap();
    world.authority.change(|desk| desk.refuse = None);
    until_active(&guard);
    guard.check().unwrap();
    assert_eq!(world.authority.desk().generation, 1, "it goes on with its own credential");
}
