//! Whether a key would do: only a signed answer says so.

use std::time::Duration;

use kaching_base::ErrorCode;
use kaching_client::{Fingerprint, Guard, LicenseKey, ValidationCode};

use crate::{
    authority::{Fault, other_signer},
    simulated::Launch as _,
    world::{KEY, World},
};

fn asks(guard: &Guard, key: &str) -> Result<ValidationCode, String> {
    let validity = guard.validate(&LicenseKey::new(key), None);
    validity.map(|validity| validity.code).map_err(|unproven| unproven.to_string())
}

#[test]
fn a_signed_answer_counts_and_changes_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    let yes = guard.validate(&LicenseKey::new(KEY), Some(&Fingerprint::instance("i-1").unwrap())).unwrap();
    assert!(yes.valid);
    assert_eq!(yes.code, ValidationCode::Valid);
    let no = guard.validate(&LicenseKey::new("CHORUS-OTHER"), None).unwrap();
    assert!(!no.valid);
    assert_eq!(no.code.as_str(), "license_not_found");
    world.authority.change(|desk| desk.refuse = Some(ErrorCode::LicenseRevoked));
    assert_eq!(asks(&guard, KEY).unwrap().as_str(), "license_revoked");
    guard.check().expect("an answer about a key stops nothing");
    assert_eq!(world.authority.desk().generation, 1);
}

#[test]
fn an_unproven_answer_is_neither_yes_nor_no() {
    let world = World::simulated();
    let guard = world.launch();
    let unsigned = r#"{"valid": true, "code": "valid", "detail": "Yes.", "license": null, "quotas": []}"#;
    let earlier = {
        let body = r#"{"license_key":"x"}"#.as_bytes().to_vec();
        let request = crate::http::Request {
            method: "POST".to_owned(),
            path: "/v1/validate".to_owned(),
            authorization: String::new(),
            body,
        };
        world.authority.desk().validate(&request)
    };
    let crate::http::Answer::Whole(_, earlier) = earlier else { panic!("it answers") };
    for (body, why) in [
        (unsigned.to_owned(), "not signed"),
        (earlier, "does not count"),
        ("<html>Sign in</html>".to_owned(), "cannot be read"),
    ] {
        world.authority.change(|desk| desk.faults.push(("/v1/validate", Fault::Say(200, body))));
        let unproven = asks(&guard, KEY).unwrap_err();
        assert!(unproven.contains(why), "{unproven}");
    }
    world.authority.change(|desk| desk.faults.push(("/v1/validate", Fault::Say(500, "no".to_owned()))));
    assert!(asks(&guard, KEY).unwrap_err().contains("answers 500"));
    world.authority.change(|desk| desk.down = true);
    assert!(asks(&guard, KEY).unwrap_err().contains("cannot be reached"));
}

#[test]
fn an_answer_signed_by_a_new_key_waits_for_that_key() {
    let world = World::simulated();
    let guard = world.launch();
    world.authority.change(|desk| {
        desk.signer = other_signer();
        desk.keyset_version = 2;
    });
    assert_eq!(asks(&guard, KEY).unwrap(), ValidationCode::Valid);
}

#[test]
fn an_answer_that_names_a_newer_keyset_waits_for_it() {
    let world = World::simulated();
    let guard = world.launch();
    let fetched = || {
        let seen = &world.authority.desk().seen;
        seen.iter().filter(|path| path.contains("well-known")).count()
    };
    let before = fetched();
    world.authority.change(|desk| desk.keyset_version = 2);
    assert_eq!(asks(&guard, KEY).unwrap(), ValidationCode::Valid);
    assert!(fetched() > before, "the yes comes after the keyset");
}

#[test]
fn a_node_that_follows_says_whom_to_ask() {
    let world = World::simulated();
    let holder = world.launch();
    let handed = holder.handover().unwrap();
    let source = move || Ok(handed.clone());
    let follower = Guard::follow(source, &world.authority.root())
        .product("chorus")
        .fingerprint(Fingerprint::custom("cluster-1").unwrap())
        .state_dir(world.dir.path().join("follower"))
        .start_timeout(Duration::from_secs(5))
        .launch_unlicensed(&world)
        .unwrap();
    assert!(asks(&follower, KEY).unwrap_err().contains("ask on the node"));
}
