//! Starts that succeed, and the sentences of those that fail.

use std::{fs, time::Duration};

use kaching_base::ErrorCode;
use kaching_client::{Fingerprint, Guard, LicenseKey, StartError, State};

use crate::{
    authority::{Fault, problem},
    simulated::Launch as _,
    world::{World, until_active},
};

#[test]
fn it_activates_and_shows_the_grant() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    guard.check().unwrap();
    guard.require("audit_export").unwrap();
    let license = guard.license();
    let granted = license.granted.unwrap();
    assert_eq!(granted.plan.as_str(), "community");
    assert_eq!(license.state.state, "active");
}

#[test]
fn the_first_denial_names_the_plan_that_has_it() {
    let world = World::simulated();
    let denied = world.launch().require("federation").unwrap_err();
    assert!(denied.to_string().contains("The Team plan has it"), "{denied}");
}

#[test]
fn a_restart_needs_no_second_activation() {
    let world = World::simulated();
    drop(world.launch());
    let guard = world.launch();
    guard.check().unwrap();
    let desk = world.authority.desk();
    assert_eq!(desk.generation, 1);
    assert_eq!(desk.seen.iter().filter(|path| path.contains("activate")).count(), 1);
}

#[test]
fn an_unknown_key_is_named_as_such() {
    let world = World::simulated();
    let error = world.builder().license_key(LicenseKey::new("CHORUS-XXXXX")).launch(&world).err().unwrap();
    assert!(matches!(error, StartError::UnknownKey { code: ErrorCode::LicenseNotFound, .. }), "{error}");
    assert!(error.to_string().contains("Check the license key"), "{error}");
}

#[test]
fn at_the_limit_the_holders_are_named() {
    let world = World::simulated();
    world.authority.change(|desk| desk.refuse = Some(ErrorCode::ActivationLimitReached));
    let error = world.builder().launch(&world).err().unwrap();
    let StartError::Held { holders, .. } = &error else { panic!("{error}") };
    assert_eq!(holders.len(), 1);
    // The id is what a takeover names; a name cannot turn around what follows it.
    let named = format!("{} (us-1\\u{{202e}}, ", holders[0].id);
    assert!(error.to_string().contains(&named), "{error}");
}

#[test]
fn a_signed_refusal_ends_the_start_and_an_unsigned_one_counts_for_nothing() {
    for code in [ErrorCode::LicenseSuspended, ErrorCode::ProductMismatch, ErrorCode::BindingMismatch] {
        let world = World::simulated();
        world.authority.change(|desk| desk.refuse = Some(code));
        let error = world.builder().launch(&world).err().unwrap();
        assert!(
            matches!(&error, StartError::Refused { code: found, .. } if *found == code.into()),
            "{error}"
        );
    }

    let world = World::simulated();
    drop(world.launch());
    let forged = Fault::Say(403, problem(ErrorCode::LicenseRevoked).to_string());
    world.authority.change(|desk| desk.faults.push(("/v1/heartbeat", forged)));
    world.launch().check().unwrap();
}

#[test]
fn another_root_is_not_trusted() {
    let world = World::simulated();
    let other = "kaching-root:6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";
    let dir = world.dir.path().join("other");
    let error = Guard::builder(&world.authority.url(), other)
        .product("chorus")
        .license_key(LicenseKey::new("X"))
        .fingerprint(kaching_client::Fingerprint::custom("x").unwrap())
        .state_dir(dir)
        .clock(world.clock.clone())
        .launch(&world)
        .err()
        .unwrap();
    assert!(matches!(&error, StartError::WrongRoot { .. }), "{error}");
    assert!(error.to_string().contains(&world.authority.root()), "{error}");
}

#[test]
fn a_start_without_answer_is_bounded() {
    let world = World::simulated();
    world.authority.change(|desk| desk.down = true);
    let began = world.clock.passed();
    let error = world.builder().start_timeout(Duration::from_millis(300)).launch(&world).err().unwrap();
    assert!(matches!(error, StartError::Unreachable { .. }), "{error}");
    assert!(world.clock.passed() - began < Duration::from_secs(3));
}

#[test]
fn without_network_it_starts_on_an_earlier_lease() {
    let world = World::simulated();
    drop(world.launch());
    world.authority.change(|desk| desk.down = true);
    let guard = world.launch();
    guard.require("audit_export").unwrap();
    assert!(matches!(guard.state(), State::Offline { .. }), "{:?}", guard.state());
    drop(guard);
    world.clock.advance(259_200 + 901);
    let error = world.builder().start_timeout(Duration::from_millis(300)).launch(&world).err().unwrap();
    assert!(matches!(error, StartError::Unreachable { .. }), "{error}");
}

#[test]
fn another_installation_on_the_same_state_is_refused() {
    let world = World::simulated();
    let guard = world.launch();
    let other = Fingerprint::custom("cluster-2").unwrap();
    let error = world.builder().fingerprint(other.clone()).launch(&world).err().unwrap();
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    guard.shutdown().unwrap();
    world.launch();
}

#[test]
fn damaged_state_is_no_state() {
    let world = World::simulated();
    drop(world.launch());
    for name in ["state-a.json", "state-b.json"] {
        fs::write(world.dir.path().join("license").join(name), "{}").unwrap();
    }
    world.launch().check().unwrap();
    assert_eq!(world.authority.desk().generation, 2);
}

#[test]
fn a_missing_setting_is_named() {
    let error =
        Guard::builder("http://licenses.example.com", "x").state_dir("/nowhere").start().err().unwrap();
    assert!(error.to_string().contains("https://"), "{error}");
    let error = Guard::builder("https://licenses.example.com", "x").start().err().unwrap();
    assert!(error.to_string().contains("state_dir"), "{error}");
}

#[test]
fn an_activation_whose_answer_another_process_has_is_repeated_immediately() {
    let world = World::simulated();
    let taken = Fault::Say(401, problem(ErrorCode::CredentialInvalid).to_string());
    world.authority.change(|desk| {
        desk.faults.push(("/v1/activate", Fault::LoseAnswer));
        desk.faults.push(("/v1/activate", taken));
    });
    world.launch().check().unwrap();
    assert_eq!(world.authority.desk().generation, 2, "with a new nonce");
}

#[test]
fn a_lost_activation_is_repeated_with_its_nonce() {
    let world = World::simulated();
    world.authority.change(|desk| desk.faults.push(("/v1/activate", Fault::LoseAnswer)));
    world.launch().check().unwrap();
}
