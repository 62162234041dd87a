//! Refusals that stop a product, and their end, also across a restart.

use std::{sync::mpsc, time::Duration};

use kaching_base::{ErrorCode, Mode};
use kaching_client::{StartError, State};

use crate::simulated::Launch as _;
use crate::world::{DEADLINE, World, until, until_active, until_refused};

#[test]
fn a_suspension_stops_and_a_reinstatement_runs_again_without_restart() {
    let world = World::simulated();
    let (sender, stops) = mpsc::channel();
    let guard =
        world.builder().on_stop(move |state| sender.send(state.clone()).unwrap()).launch(&world).unwrap();
    for _ in 0..2 {
        let began = world.clock.passed();
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until_refused(&guard, "license_suspended");
        assert!(world.clock.passed() - began < Duration::from_secs(2), "the poll waits at the authority");
        assert!(matches!(stops.recv_timeout(DEADLINE).unwrap(), State::Refused { .. }));
        assert_eq!(guard.require("audit_export").unwrap_err().code_text(), "license_suspended");
        assert_eq!(guard.check().unwrap_err().to_string(), "It is license_suspended.");
        world.authority.suspend(None);
        until_active(&guard);
        guard.require("audit_export").unwrap();
    }
}

#[test]
fn a_stop_survives_a_restart_without_network() {
    let world = World::simulated();
    let guard = world.launch();
    world.authority.suspend(Some(ErrorCode::LicenseRevoked));
    until_refused(&guard, "license_revoked");
    drop(guard);
    world.authority.change(|desk| desk.down = true);
    let error = world.builder().start_timeout(Duration::from_millis(300)).launch(&world).err().unwrap();
    assert!(
        matches!(&error, StartError::Refused { code, .. } if code.as_str() == "license_revoked"),
        "{error}"
    );
    world.authority.change(|desk| {
        desk.down = false;
        desk.refuse = None;
        desk.rev += 1;
    });
    world.launch().check().unwrap();
}

#[test]
fn a_refused_start_leaves_the_stop_behind_too() {
    let world = World::simulated();
    drop(world.launch());
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    let error = world.builder().launch(&world).err().unwrap();
    assert!(matches!(error, StartError::Refused { .. }), "{error}");
    world.authority.change(|desk| desk.down = true);
    let error = world.builder().start_timeout(Duration::from_millis(300)).launch(&world).err().unwrap();
    assert!(matches!(error, StartError::Refused { .. }), "{error}");
}

#[test]
fn an_ended_activation_comes_back_only_with_the_next_start() {
    let world = World::simulated();
    let guard = world.launch();
    world.authority.suspend(Some(ErrorCode::ActivationReleased));
    until_refused(&guard, "activation_released");
    let beats = world.authority.desk().beats.len();
    world.authority.until(|desk| (desk.beats.len() >= beats + 3).then_some(()));
    assert_eq!(world.authority.desk().generation, 1, "it asks, and does not activate on its own");
    drop(guard);
    world.authority.suspend(None);
    world.launch().check().unwrap();
    assert_eq!(world.authority.desk().generation, 2);
}

#[test]
fn degrade_keeps_some_features_and_advise_denies_nothing() {
    for (mode, federation) in [(Mode::Degrade, false), (Mode::Advise, true)] {
        let world = World::simulated();
        world.authority.change(|desk| (desk.mode, desk.plan) = (mode, "team"));
        let guard = world.launch();
        guard.require("federation").unwrap();
        world.authority.suspend(Some(ErrorCode::LicenseSuspended));
        until(&guard, |state| matches!(state, State::Degraded { code: Some(_), .. }));
        guard.check().unwrap();
        guard.require("audit_export").unwrap();
        assert_eq!(guard.require("federation").is_ok(), federation, "{mode}");
        let shown = guard.state().to_string();
        assert_eq!(shown.contains("runs in part"), mode == Mode::Degrade, "{mode}: {shown}");
        assert!(shown.contains("license_suspended"), "{mode}: {shown}");
        if let Err(denied) = guard.require("federation") {
            assert_eq!(denied.code_text(), "license_suspended", "it says why, as the refusal does");
        }
    }
}
