//! Checks, levels, usage and what a license shows while it runs.

use kaching_base::ErrorCode;
use kaching_client::Guard;

use crate::world::{World, eventually, until_active};

/// Waits until the catalogue is in memory, as the answers show.
fn with_catalogue(guard: &Guard) {
    eventually("the catalogue", || guard.license().contact.is_some());
}

#[test]
fn a_denied_feature_says_how_to_get_it() {
    let world = World::simulated();
    let guard = world.launch();
    with_catalogue(&guard);
    let denied = guard.require("federation").unwrap_err();
    assert_eq!(
        denied.to_string(),
        "Federation is not part of the Community plan. The Team plan has it: Link clusters across regions. \
         Ask sales@example.com."
    );
    assert_eq!(denied.code, Some(ErrorCode::FeatureNotLicensed.into()));
    assert_eq!(denied.upgrade.as_ref().unwrap().plan.as_str(), "team");
}

#[test]
fn an_upgrade_opens_it_without_restart() {
    let world = World::simulated();
    let guard = world.launch();
    guard.require("federation").unwrap_err();
    world.authority.change(|desk| {
        desk.plan = "team";
        desk.rev += 1;
    });
    world.authority.until(|desk| desk.beats.last().map(drop));
    eventually("the upgrade", || guard.require("federation").is_ok());
}

#[test]
fn a_level_over_its_limit_names_limit_present_and_plan() {
    let world = World::simulated();
    let guard = world.launch();
    with_catalogue(&guard);
    guard.ensure("nodes", 3).unwrap();
    let denied = guard.ensure("nodes", 4).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "The Community plan allows 3 nodes, 3 are in use and 4 were asked for. The Team plan allows 25. \
         Ask sales@example.com."
    );
    assert_eq!(guard.level("nodes"), 3);
    guard.set_level("nodes", 9).unwrap();
    guard.ensure("nodes", 8).expect("less is always allowed");
    guard.ensure("services", 1000).expect("the license sets no limit to it");
}

#[test]
fn a_quota_of_a_level_shows_the_present_level() {
    let world = World::simulated();
    // As the authority had it before the level rose, and has it until the next heartbeat.
    let quotas = serde_json::json!([{"name": "nodes", "kind": "level", "used": 0, "max": 3, "state": "ok"}]);
    world.authority.change(|desk| desk.quotas = quotas);
    let guard = world.launch();
    guard.ensure("nodes", 3).unwrap();
    eventually("the level", || guard.license().levels.get("nodes") == Some(&3));
    let shown = guard.license();
    assert_eq!((shown.quotas[0].used, shown.quotas[0].state.as_str()), (3, "warn"));
}

#[test]
fn levels_and_usage_go_with_heartbeats_and_usage_is_sent_until_it_is_acknowledged() {
    let world = World::simulated();
    let guard = world.launch();
    guard.ensure("nodes", 2).unwrap();
    guard.record("jobs", 3).unwrap();
    guard.record("jobs", 4).unwrap();
    world.authority.change(|desk| desk.faults.push(("/v1/heartbeat", crate::authority::Fault::LoseAnswer)));
    guard.heartbeat_now();
    let beats = world.authority.until(|desk| (desk.beats.len() >= 2).then(|| desk.beats.clone()));
    for beat in &beats[..2] {
        assert_eq!(beat.number, 1, "a lost answer is asked for again");
        assert_eq!(beat.body["nonce"], beats[0].body["nonce"]);
        assert_eq!(beat.body["levels"]["nodes"], 2);
        assert_eq!(beat.body["usage"][0]["amount"], 7);
        assert_eq!(beat.body["usage"][0]["seq"], beats[0].body["usage"][0]["seq"]);
    }
    until_active(&guard);
    guard.heartbeat_now();
    let next = world.authority.until(|desk| desk.beats.iter().find(|beat| beat.number == 2).cloned());
    assert_eq!(next.body["usage"], serde_json::Value::Null);
    assert_ne!(next.body["nonce"], beats[0].body["nonce"]);
}

#[test]
fn a_heartbeat_takes_64_counters_and_the_rest_follows_soon() {
    let world = World::simulated();
    // Without a catalogue, no name is an error.
    let busy = crate::authority::Fault::Say(503, String::new());
    world.authority.change(|desk| desk.faults.extend(vec![("/v1/catalogue", busy); 10_000]));
    let guard = world.launch();
    until_active(&guard);
    for n in 0..150 {
        guard.record(&format!("counter-{n}"), 1).unwrap();
    }
    guard.heartbeat_now();
    let reported = world.authority.until(|desk| {
        let usage = |beat: &crate::authority::Beat| beat.body["usage"].as_array().map_or(0, Vec::len);
        let reported: Vec<_> = desk.beats.iter().map(usage).filter(|entries| *entries > 0).collect();
        (reported.iter().sum::<usize>() >= 150).then_some(reported)
    });
    assert!(reported.iter().all(|entries| *entries <= 64), "{reported:?}");
}

#[test]
fn a_refused_credential_activates_again_and_stops_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    world.authority.change(|desk| desk.generation += 1);
    guard.heartbeat_now();
    world.authority.until(|desk| (desk.generation == 3).then_some(()));
    guard.check().unwrap();
    until_active(&guard);
}

#[test]
fn a_rotated_key_is_fetched() {
    let world = World::simulated();
    let guard = world.launch();
    world.authority.change(|desk| {
        desk.signer = crate::authority::other_signer();
        desk.keyset_version = 2;
        desk.rev += 1;
        desk.plan = "team";
    });
    eventually("the upgrade", || guard.require("federation").is_ok());
}

#[test]
fn a_lease_of_a_withdrawn_key_ends_soon_without_contact_and_is_replaced_with_it() {
    let world = World::simulated();
    drop(world.launch());
    world.authority.change(|desk| {
        desk.signer = crate::authority::other_signer();
        desk.keyset_version = 2;
        // The keyset is answered, heartbeats are not.
        let busy = crate::authority::Fault::Say(503, String::new());
        desk.faults.extend(vec![("/v1/heartbeat", busy); 1000]);
    });
    let guard = world.launch();
    let runs_until = || guard.license().granted.unwrap().runs_until;
    let soon = |world: &World| world.authority.desk().now() + kaching_base::Seconds(1830);
    eventually("the bound", || runs_until() <= soon(&world));
    guard.check().expect("a withdrawn key is no outage");
    world.authority.change(|desk| desk.faults.clear());
    guard.heartbeat_now();
    eventually("the next lease", || runs_until() > soon(&world));
    guard.check().unwrap();
}

#[test]
fn a_lease_that_names_a_newer_keyset_waits_for_it() {
    let world = World::simulated();
    let guard = world.launch();
    let fetched =
        |desk: &crate::authority::Desk| desk.seen.iter().filter(|path| path.contains("well-known")).count();
    let before = fetched(&world.authority.desk());
    world.authority.change(|desk| {
        desk.keyset_version = 2;
        desk.plan = "team";
        desk.rev += 1;
    });
    eventually("the upgrade", || guard.require("federation").is_ok());
    assert!(fetched(&world.authority.desk()) > before, "the yes comes after the keyset");
}

#[test]
fn a_keyset_older_than_the_one_that_a_lease_names_permits_nothing_new() {
    let world = World::simulated();
    let guard = world.launch();
    let fetched =
        |desk: &crate::authority::Desk| desk.seen.iter().filter(|path| path.contains("well-known")).count();
    let before = fetched(&world.authority.desk());
    world.authority.change(|desk| {
        desk.lease_ks = Some(5);
        desk.plan = "team";
        desk.rev += 1;
    });
    // The third is asked for once the first two have changed nothing.
    world.authority.until(|desk| (fetched(desk) > before + 2).then_some(()));
    guard.require("federation").unwrap_err();
    let beats = world.authority.desk().beats.len();
    world.clock.advance(901);
    world.authority.until(|desk| (desk.beats.len() > beats).then_some(()));
    guard.require("federation").unwrap_err();
    world.authority.change(|desk| desk.keyset_version = 5);
    eventually("the upgrade", || guard.require("federation").is_ok());
}

#[test]
fn a_shutdown_reports_the_usage() {
    let world = World::simulated();
    for round in 1..=20 {
        let guard = world.launch();
        // Answers to other calls come meanwhile, and are not the one that counts.
        world.authority.change(|desk| desk.rev += 1);
        guard.record("jobs", round).unwrap();
        guard.shutdown().unwrap();
        let beats = world.authority.desk().beats.clone();
        let reported = |beat: &crate::authority::Beat| beat.body["usage"][0]["amount"] == round;
        assert!(beats.iter().any(reported), "round {round}: {beats:?}");
    }
}

#[test]
fn deactivating_forgets_the_lease_and_ends_everything() {
    let world = World::simulated();
    let guard = world.launch();
    guard.deactivate().unwrap();
    let denied = guard.check().unwrap_err();
    assert_eq!(denied.code_text(), "activation_deactivated");
    drop(guard);
    world.launch().check().unwrap();
    assert_eq!(world.authority.desk().generation, 2, "the host's next start activates again");
}

#[test]
fn a_changed_level_is_reported_soon() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    guard.ensure("nodes", 2).unwrap();
    world.authority.until(|desk| desk.beats.iter().find(|beat| beat.body["levels"]["nodes"] == 2).map(drop));
}
