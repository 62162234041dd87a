//! Several processes on one state directory, and several nodes on one lease.

use std::sync::{Arc, Mutex};

use kaching_base::ErrorCode;
use kaching_client::{Builder, Clock, Fingerprint, Guard, ReportKind, StartError, State, Via};

use crate::{
    simulated::Launch as _,
    world::{World, eventually, until, until_active, until_refused},
};

fn follows(state: &State) -> bool {
    *state == State::Active { via: Via::Holder }
}

fn holds(state: &State) -> bool {
    *state == State::Active { via: Via::Stream }
}

/// The handover between the nodes of a test; `None` while the holder cannot be asked.
type HandoverSlot = Arc<Mutex<Option<Vec<u8>>>>;

/// A node with a directory of its own, which fetches the handover in the slot.
fn node(world: &World, slot: &HandoverSlot, name: &str) -> Builder {
    let slot = Arc::clone(slot);
    let source = move || slot.lock().unwrap().clone().ok_or_else(|| "the holder is gone".into());
    Guard::follow(source, &world.authority.root())
        .product("chorus")
        .fingerprint(Fingerprint::custom("cluster-1").unwrap())
        .state_dir(world.dir.path().join(name))
        .clock(Arc::clone(&world.clock) as Arc<dyn Clock>)
        .timing(crate::world::timing())
}

/// A holder in contact, whose lease is in the slot.
fn handed_over() -> (World, Guard, HandoverSlot) {
    let world = World::simulated();
    let holder = world.launch();
    until_active(&holder);
    let slot = HandoverSlot::default();
    hand_over(&slot, &holder);
    (world, holder, slot)
}

fn hand_over(slot: &HandoverSlot, guard: &Guard) {
    *slot.lock().unwrap() = guard.handover();
}

#[test]
fn a_second_process_runs_on_the_lease_of_the_first_and_takes_its_place() {
    let world = World::simulated();
    let holder = world.launch();
    until(&holder, holds);
    let second = world.launch();
    until(&second, follows);
    second.require("audit_export").unwrap();
    assert_eq!(world.authority.desk().generation, 1, "it has activated nothing");
    drop(holder);
    until(&second, holds);
    second.heartbeat_now();
    world.authority.until(|desk| desk.beats.last().map(drop));
    assert_eq!(world.authority.desk().generation, 1, "it goes on with the credential that was left");
}

#[test]
fn of_many_that_follow_one_takes_the_place() {
    let world = World::simulated();
    let holder = world.launch();
    let others: Vec<_> = (0..4).map(|_| world.launch()).collect();
    drop(holder);
    eventually("a new holder", || others.iter().filter(|guard| holds(&guard.state())).count() == 1);
    for guard in &others {
        guard.check().unwrap();
    }
    assert_eq!(others.iter().filter(|guard| holds(&guard.state())).count(), 1);
}

#[test]
fn a_stop_of_the_holder_stops_its_followers_and_a_reinstatement_lets_them_run() {
    let world = World::simulated();
    let (holder, second) = (world.launch(), world.launch());
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&holder, "license_suspended");
    until_refused(&second, "license_suspended");
    let third = world.builder().launch(&world).err().unwrap();
    assert!(matches!(third, StartError::Refused { .. }), "{third}");
    world.authority.suspend(None);
    until(&second, follows);
}

#[test]
fn usage_of_all_processes_is_reported_once_by_the_holder() {
    let world = World::simulated();
    let (holder, second, third) = (world.launch(), world.launch(), world.launch());
    holder.record("jobs", 1).unwrap();
    second.record("jobs", 20).unwrap();
    third.record("jobs", 300).unwrap();
    // One that ends leaves its file; one that is killed after it wrote does as well.
    third.shutdown().unwrap();
    second.heartbeat_now();
    drop(holder);
    until(&second, holds);
    second.record("jobs", 4000).unwrap();
    second.shutdown().unwrap();
    world.launch().shutdown().unwrap();
    let reported = || {
        let mut entries = std::collections::BTreeMap::new();
        for beat in &world.authority.desk().beats {
            for entry in beat.body["usage"].as_array().into_iter().flatten() {
                entries.insert(entry["seq"].as_u64().unwrap(), entry["amount"].as_u64().unwrap());
            }
        }
        entries.values().sum::<u64>()
    };
    assert_eq!(reported(), 4321);
    let left = std::fs::read_dir(world.dir.path().join("license")).unwrap();
    let left =
        left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("follower"));
    assert_eq!(left.count(), 0, "what was taken over leaves nothing behind");
}

#[test]
fn levels_and_reports_go_through_the_holder() {
    let world = World::simulated();
    let (holder, second) = (world.launch(), world.launch());
    holder.ensure("nodes", 2).unwrap();
    eventually("the level on the other side", || second.level("nodes") == 2);
    second.ensure("nodes", 3).unwrap();
    second.report(ReportKind::Security, "a second administrator was made").unwrap();
    eventually("the level of the holder", || holder.level("nodes") == 3);
    let report = world.authority.until(|desk| desk.reports.first().cloned());
    assert_eq!(report["kind"], "security");
    second.ensure("nodes", 4).unwrap_err();
    drop((second, holder));
    assert_eq!(world.authority.desk().reports.len(), 1);
}

#[test]
fn another_node_runs_on_a_handover_and_stops_with_it() {
    let world = World::simulated();
    let holder = world.launch();
    eventually("the catalogue", || holder.license().contact.is_some());
    let slot = HandoverSlot::default();
    hand_over(&slot, &holder);
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    until(&guard, follows);
    let denied = guard.require("federation").unwrap_err();
    assert!(denied.to_string().contains("The Team plan has it"), "{denied}");
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&holder, "license_suspended");
    hand_over(&slot, &holder);
    until_refused(&guard, "license_suspended");
    drop(guard);
    *slot.lock().unwrap() = None;
    let error = node(&world, &slot, "node-2").launch(&world).err().unwrap();
    assert!(matches!(error, StartError::Refused { .. }), "the stop survives there, too: {error}");
    world.authority.suspend(None);
    until_active(&holder);
    hand_over(&slot, &holder);
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    guard.check().unwrap();
    assert_eq!(world.authority.desk().generation, 1);
}

#[test]
fn a_node_stops_when_its_holder_has_lost_the_slot() {
    let (world, holder, slot) = handed_over();
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    until(&guard, follows);
    world.authority.change(|desk| {
        desk.generation += 1;
        desk.refuse = Some(ErrorCode::ActivationLimitReached);
    });
    holder.heartbeat_now();
    until_refused(&holder, "activation_limit_reached");
    hand_over(&slot, &holder);
    until_refused(&guard, "activation_limit_reached");
}

#[test]
fn a_node_whose_clock_ran_ahead_follows_for_as_long_as_new_leases_come() {
    let (world, holder, slot) = handed_over();
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    until(&guard, follows);
    world.clock.set_wall(1_800_000_000 + 400 * 86_400);
    let lease_ends = |guard: &Guard| guard.license().granted.unwrap().lease_ends_at;
    for _ in 0..2 {
        world.clock.advance(80_000);
        // A lease's time has whole seconds.
        let before = world.authority.desk().now();
        eventually("a later second", || world.authority.desk().now() > before);
        holder.heartbeat_now();
        hand_over(&slot, &holder);
        eventually("the new lease", || lease_ends(&guard) == lease_ends(&holder));
        guard.check().unwrap();
    }
    world.clock.advance(86_401);
    until(&guard, |state| matches!(state, State::Unknown { .. }));
}

#[test]
fn a_node_without_its_holder_runs_to_the_end_of_the_lease_and_no_longer() {
    let (world, _holder, slot) = handed_over();
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    *slot.lock().unwrap() = None;
    until(&guard, |state| matches!(state, State::Offline { .. }));
    drop(guard);
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    world.clock.advance(259_800);
    guard.check().unwrap();
    world.clock.advance(301);
    guard.check().unwrap_err();
}

#[test]
fn a_handover_that_does_not_verify_is_ignored() {
    let world = World::simulated();
    let holder = world.launch();
    until_active(&holder);
    let slot = HandoverSlot::default();
    let start =
        || node(&world, &slot, "node-2").start_timeout(std::time::Duration::from_millis(100)).launch(&world);
    assert!(matches!(start().err().unwrap(), StartError::NothingToFollow { .. }));
    let good = holder.handover().unwrap();
    let other = World::simulated();
    other.authority.change(|desk| desk.root = crate::authority::other_signer());
    let foreign = other.launch();
    until_active(&foreign);
    let mut bent: serde_json::Value = serde_json::from_slice(&good).unwrap();
    let lease = bent["lease"].as_str().unwrap().to_owned();
    bent["lease"] = lease.replacen('A', "B", 1).into();
    for bad in
        [foreign.handover().unwrap(), serde_json::to_vec(&bent).unwrap(), b"<html>".to_vec(), Vec::new()]
    {
        *slot.lock().unwrap() = Some(bad);
        let error = start().err().unwrap();
        assert!(
            matches!(error, StartError::NothingToFollow { .. } | StartError::WrongRoot { .. }),
            "{error}"
        );
    }
    *slot.lock().unwrap() = Some(good);
    start().unwrap().check().unwrap();
}

#[test]
fn an_older_lease_undoes_no_stop_and_no_change() {
    let (world, holder, slot) = handed_over();
    let old = slot.lock().unwrap().clone();
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    world.authority.change(|desk| (desk.plan, desk.rev) = ("team", 2));
    eventually("the upgrade", || holder.require("federation").is_ok());
    hand_over(&slot, &holder);
    eventually("the upgrade", || guard.require("federation").is_ok());
    slot.lock().unwrap().clone_from(&old);
    until(&guard, |state| matches!(state, State::Offline { .. }));
    guard.require("federation").unwrap();
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&holder, "license_suspended");
    hand_over(&slot, &holder);
    until_refused(&guard, "license_suspended");
    *slot.lock().unwrap() = old;
    guard.heartbeat_now();
    guard.heartbeat_now();
    guard.check().unwrap_err();
}

#[test]
fn of_two_leases_of_one_second_either_may_be_handed_over() {
    let (world, holder, slot) = handed_over();
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    for _ in 0..3 {
        holder.heartbeat_now();
        hand_over(&slot, &holder);
        guard.heartbeat_now();
        assert!(follows(&guard.state()), "{:?}", guard.state());
    }
}

#[test]
fn usage_of_a_node_is_taken_once_and_carried_to_the_holder() {
    let (world, holder, slot) = handed_over();
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    guard.record("jobs", 5).unwrap();
    drop(guard);
    let guard = node(&world, &slot, "node-2").launch(&world).unwrap();
    guard.record("jobs", 2).unwrap();
    assert_eq!(guard.take_usage()["jobs"], 7, "what was used before a restart is there");
    assert!(guard.take_usage().is_empty());
    assert!(holder.take_usage().is_empty(), "the holder reports its own");
    guard.report(ReportKind::Health, "fine").unwrap_err();
}
