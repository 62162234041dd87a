//! A license key that somebody enters while the product runs.

use kaching_base::ErrorCode;
use kaching_client::{Builder, Fingerprint, LicenseKey, StartError, State};

use crate::{
    authority::Fault,
    simulated::Launch as _,
    world::{KEY, World, until_active, until_refused},
};

/// A guard that was given no key.
fn keyless(world: &World) -> Builder {
    world.keyless()
}

#[test]
fn a_product_without_a_key_says_no_until_somebody_enters_one() {
    let world = World::simulated();
    assert!(matches!(keyless(&world).launch(&world).err().unwrap(), StartError::NoKey));
    let guard = keyless(&world).launch_unlicensed(&world).unwrap();
    let denied = guard.check().unwrap_err();
    assert!(denied.to_string().contains("license key"), "{denied}");
    let wrong = guard.activate(LicenseKey::new("CHORUS-WRONG")).unwrap_err();
    assert!(matches!(wrong, StartError::UnknownKey { .. }), "{wrong}");
    guard.check().unwrap_err();
    guard.activate(LicenseKey::new(KEY)).unwrap();
    guard.check().unwrap();
    drop(guard);
    let again = keyless(&world).launch(&world).unwrap();
    again.check().unwrap();
    assert_eq!(world.authority.desk().generation, 1, "the next start finds key and lease");
}

#[test]
fn the_first_no_after_a_key_says_how_to_get_a_yes() {
    let world = World::simulated();
    let guard = world.keyless().launch_unlicensed(&world).unwrap();
    guard.activate(LicenseKey::new(KEY)).unwrap();
    let denied = guard.require("federation").unwrap_err();
    assert!(denied.to_string().contains("The Team plan has it"), "{denied}");
}

#[test]
fn a_key_that_does_not_work_stops_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    guard.activate(LicenseKey::new("CHORUS-WRONG")).unwrap_err();
    guard.check().unwrap();
    let faults = [
        Fault::LoseAnswer,
        Fault::Say(200, "{}".to_owned()),
        Fault::Say(403, crate::authority::problem(ErrorCode::LicenseRevoked).to_string()),
        Fault::Say(302, "<html>".to_owned()),
    ];
    for fault in faults {
        world.authority.change(|desk| desk.faults.push(("/v1/activate", fault)));
        let error = guard.activate(LicenseKey::new(KEY)).unwrap_err();
        assert!(matches!(error, StartError::Unreachable { .. }), "{error}");
        guard.check().unwrap();
    }
    guard.heartbeat_now();
    until_active(&guard);
    drop(guard);
    world.launch().check().unwrap();
}

#[test]
fn a_refused_product_runs_again_on_another_key() {
    let world = World::simulated();
    let guard = world.launch();
    world.authority.suspend(Some(ErrorCode::LicenseRevoked));
    until_refused(&guard, "license_revoked");
    let refused = guard.activate(LicenseKey::new(KEY)).unwrap_err();
    assert!(matches!(refused, StartError::Refused { .. }), "{refused}");
    world.authority.suspend(None);
    world.authority.change(|desk| desk.other_license());
    guard.activate(LicenseKey::new(KEY)).unwrap();
    until_active(&guard);
}

#[test]
fn usage_of_the_old_license_is_reported_under_the_new_one() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    guard.record("jobs", 3).unwrap();
    guard.activate_as(LicenseKey::new(KEY), Fingerprint::instance("instance-1").unwrap()).unwrap();
    guard.heartbeat_now();
    world.authority.until(|desk| {
        let beat = desk.beats.last()?;
        (beat.body["usage"][0]["amount"] == 3).then_some(())
    });
    let seen = world.authority.desk().seen.len();
    drop(guard);
    let again = world.launch();
    assert!(matches!(again.state(), State::Active { .. }), "{:?}", again.state());
    let activated = world.authority.desk().seen[seen..].iter().any(|call| call.contains("activate"));
    assert!(!activated, "the entered key counts while the program is configured as before");
}

#[test]
fn a_deactivated_product_takes_another_key() {
    let world = World::simulated();
    let guard = world.launch();
    guard.deactivate().unwrap();
    guard.activate(LicenseKey::new("CHORUS-WRONG")).unwrap_err();
    guard.check().unwrap_err();
    guard.activate(LicenseKey::new(KEY)).unwrap();
    until_active(&guard);
    guard.check().unwrap();
}

#[test]
fn another_configured_key_ends_an_entered_one() {
    let world = World::simulated();
    let guard = world.launch();
    guard.activate(LicenseKey::new(KEY)).unwrap();
    drop(guard);
    let error = world.builder().license_key(LicenseKey::new("CHORUS-OTHER")).launch(&world).err().unwrap();
    assert!(matches!(error, StartError::UnknownKey { .. }), "{error}");
}

#[test]
fn a_mistyped_key_costs_nothing_once_it_is_put_right() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    guard.record("jobs", 3).unwrap();
    world.authority.change(|desk| desk.down = true);
    drop(guard);
    let mistyped = world.builder().license_key(LicenseKey::new("CHORUS-MISTYPED"));
    mistyped.start_timeout(std::time::Duration::from_millis(200)).launch(&world).err().unwrap();
    let guard = world.launch();
    assert!(matches!(guard.state(), State::Offline { .. }), "{:?}", guard.state());
    guard.check().unwrap();
    world.authority.change(|desk| desk.down = false);
    world
        .authority
        .until(|desk| desk.beats.iter().find(|beat| beat.body["usage"][0]["amount"] == 3).map(drop));
    assert_eq!(world.authority.desk().generation, 1);
}
