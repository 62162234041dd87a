//! An authority whose clock was set back, or that has another issuer: installations keep running.

use kaching_base::ErrorCode;
use kaching_client::Guard;

use crate::{
    authority::{Desk, other_signer},
    world::{World, eventually, until_active, until_refused},
};

/// Accepts the clock as an authority does: a new epoch, whose keyset and leases are dated earlier.
fn goes_back(desk: &mut Desk) {
    (desk.ahead, desk.epoch, desk.rev, desk.keyset_version) = (0, desk.epoch + 1, 3, desk.keyset_version + 1);
}

/// Waits until it has a lease of the authority's present time, and runs all the while.
fn until_present(world: &World, guard: &Guard) {
    guard.heartbeat_now();
    eventually("a lease of the present time", || {
        guard.check().unwrap();
        let ends_at = guard.license().granted.unwrap().lease_ends_at;
        ends_at.since(world.authority.desk().now()).0.abs() < 86_400
    });
}

#[test]
fn a_clock_that_goes_back_stops_nobody() {
    for days in [1, 40] {
        let world = World::simulated();
        world.authority.change(|desk| desk.ahead = days * 86_400);
        let guard = world.launch();
        until_active(&guard);
        world.authority.change(goes_back);
        until_present(&world, &guard);
        drop(guard);
        world.launch().check().unwrap();
    }
}

#[test]
fn a_stop_of_the_time_ahead_ends_when_the_license_is_reinstated() {
    let world = World::simulated();
    world.authority.change(|desk| desk.ahead = 40 * 86_400);
    let guard = world.launch();
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    world.authority.change(goes_back);
    world.authority.suspend(None);
    guard.heartbeat_now();
    until_active(&guard);
    until_present(&world, &guard);
}

#[test]
fn another_issuer_is_followed_with_new_keys_and_without() {
    for new_keys in [true, false] {
        let world = World::simulated();
        let guard = world.launch();
        until_active(&guard);
        let asked = world.authority.change(|desk| {
            desk.issuer = "https://moved.example.com".to_owned();
            desk.keyset_version += 1;
            desk.rev += 1;
            desk.plan = "team";
            if new_keys {
                desk.signer = other_signer();
            }
            desk.beats.len()
        });
        guard.heartbeat_now();
        eventually("a lease of the new issuer", || {
            guard.check().unwrap();
            guard.require("federation").is_ok()
        });
        assert!(world.authority.desk().beats.len() > asked);
    }
}
