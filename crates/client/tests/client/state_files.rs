//! The state on disk: restored, planted and lost files.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    time::Duration,
};

use kaching_base::ErrorCode;
use kaching_client::{Fingerprint, Guard, StartError, State};
use kaching_license::Digest;

use crate::{
    simulated::Launch as _,
    world::{World, eventually, until_active, until_refused},
};

const FILES: [&str; 2] = ["state-a.json", "state-b.json"];

fn path(world: &World, name: &str) -> PathBuf {
    world.dir.path().join("license").join(name)
}

/// A start while the authority does not answer.
fn start_offline(world: &World) -> Result<Guard, StartError> {
    world.authority.change(|desk| desk.down = true);
    let started = world.builder().start_timeout(Duration::from_millis(300)).launch(world);
    world.authority.change(|desk| desk.down = false);
    started
}

fn finds_nothing(started: Result<Guard, StartError>) {
    let error = started.err().expect("it started on what should not count");
    assert!(matches!(error, StartError::Unreachable { .. }), "{error}");
}

/// Number and text of the newest state.
fn newest(world: &World) -> (u64, String) {
    let read = |name| {
        let text = fs::read_to_string(path(world, name)).ok()?;
        let (head, state) = text.split_once('\n')?;
        Some((head.split(' ').next()?.parse().ok()?, state.to_owned()))
    };
    FILES.into_iter().filter_map(read).max().unwrap()
}

/// Leaves one state, as versions of the client wrote it that knew a checksum only.
fn write_with_checksum(world: &World, sequence: u64, state: &str) {
    let sum = Digest::of([&sequence.to_be_bytes(), state.as_bytes()].concat());
    fs::write(path(world, FILES[0]), format!("{sequence} {sum}\n{state}")).unwrap();
    let _ = fs::remove_file(path(world, FILES[1]));
}

/// A world whose license is suspended, with the stop on disk.
fn stopped() -> World {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    world
}

fn without_stop(state: &str) -> String {
    let begin = state.find("\"stop\":{").unwrap();
    let end = state.find(",\"time\":").unwrap();
    format!("{}\"stop\":null{}", &state[..begin], &state[end..])
}

#[test]
fn a_stop_that_is_edited_away_does_not_start_again() {
    let world = stopped();
    let (sequence, state) = newest(&world);
    // As it was signed, so that the edit is the only difference.
    let heads: Vec<_> = FILES.iter().map(|name| fs::read_to_string(path(&world, name)).unwrap()).collect();
    for (name, text) in FILES.iter().zip(&heads) {
        let head = text.lines().next().unwrap();
        fs::write(path(&world, name), format!("{head}\n{}", without_stop(&state))).unwrap();
    }
    finds_nothing(start_offline(&world));
    // With the checksum of older versions, and also with their version number.
    let edited = without_stop(&state);
    for state in [edited.clone(), edited.replacen("{\"version\":2,", "{\"version\":1,", 1)] {
        let world = stopped();
        write_with_checksum(&world, sequence, &state);
        finds_nothing(start_offline(&world));
    }
}

#[test]
fn another_name_of_the_boot_does_not_verify() {
    let world = World::simulated();
    drop(world.launch());
    for name in FILES {
        let text = fs::read_to_string(path(&world, name)).unwrap();
        fs::write(path(&world, name), text.replace("boot-0", "boot-9")).unwrap();
    }
    finds_nothing(start_offline(&world));
}

#[test]
fn a_state_survives_a_reboot_and_a_cluster_s_goes_to_another_directory() {
    let world = World::simulated();
    drop(world.launch());
    world.clock.reboot();
    drop(start_offline(&world).unwrap());
    fs::rename(world.dir.path().join("license"), world.dir.path().join("moved")).unwrap();
    world.authority.change(|desk| desk.down = true);
    world.builder().state_dir(world.dir.path().join("moved")).launch(&world).unwrap().check().unwrap();
}

#[test]
fn the_state_of_an_older_version_is_read_once_and_rewritten() {
    let world = World::simulated();
    drop(world.launch());
    let (sequence, state) = newest(&world);
    let older = state.replacen("{\"version\":2,", "{\"version\":1,", 1);
    write_with_checksum(&world, sequence, &older);
    fs::write(path(&world, "lock"), "").unwrap();
    let guard = start_offline(&world).unwrap();
    guard.check().unwrap();
    assert!(matches!(guard.state(), State::Offline { .. }), "{:?}", guard.state());
    drop(guard);
    let (sequence, _) = newest(&world);
    drop(start_offline(&world).unwrap());
    write_with_checksum(&world, sequence, &older);
    finds_nothing(start_offline(&world));
}

#[test]
fn a_mistyped_fingerprint_costs_nothing_once_it_is_put_right() {
    let world = stopped();
    let other = Fingerprint::custom("mistyped").unwrap();
    for _ in 0..2 {
        world.authority.change(|desk| desk.down = true);
        let mistyped = world.builder().fingerprint(other.clone());
        finds_nothing(mistyped.start_timeout(Duration::from_millis(200)).launch(&world));
    }
    let error = start_offline(&world).err().unwrap();
    assert!(matches!(error, StartError::Refused { .. }), "the stop is still there: {error}");
}

/// Lets nothing be written into the state directory, as a full disk does.
fn fill_disk(world: &World) {
    for name in FILES {
        fs::create_dir(path(world, &format!("{name}.new"))).unwrap();
    }
}

#[test]
fn a_stop_that_cannot_be_written_leaves_nothing_to_start_on() {
    let world = World::simulated();
    let guard = world.launch();
    let follower = world.launch();
    until_active(&guard);
    fill_disk(&world);
    world.authority.suspend(Some(ErrorCode::LicenseRevoked));
    until_refused(&guard, "license_revoked");
    for name in FILES {
        assert!(!path(&world, name).exists(), "{name}");
    }
    // Followers read nothing there any more.
    eventually("the stop of the follower", || {
        world.clock.advance(121);
        matches!(follower.state(), State::Unknown { .. })
    });
    drop((guard, follower));
    finds_nothing(start_offline(&world));
}

#[test]
fn a_slot_that_is_given_back_on_a_full_disk_leaves_nothing_to_start_on() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    fill_disk(&world);
    guard.deactivate().unwrap();
    drop(guard);
    finds_nothing(start_offline(&world));
}

#[test]
fn a_failed_write_leaves_the_last_state() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    fill_disk(&world);
    guard.set_level("nodes", 2).unwrap();
    eventually("the warning", || !guard.warnings().is_empty());
    drop(guard);
    start_offline(&world).unwrap().check().unwrap();
}

#[test]
fn without_contact_and_by_the_clock_past_the_end_it_runs_for_a_day_of_each_boot() {
    const DAY: u64 = 86_400;
    let world = World::simulated();
    drop(world.launch());
    world.clock.reboot();
    world.clock.set_wall(1_800_000_000 + 400 * 86_400);
    let guard = start_offline(&world).unwrap();
    world.clock.advance(DAY - 600);
    guard.check().unwrap();
    world.clock.advance(601);
    let denied = guard.check().unwrap_err();
    assert!(denied.code.is_none() && denied.message.contains("set the clock"), "{denied}");
    drop(guard);
    finds_nothing(start_offline(&world));
    world.clock.reboot();
    let guard = start_offline(&world).unwrap();
    world.clock.advance(DAY + 1);
    guard.check().unwrap_err();
    // Contact settles it: the clock was wrong.
    guard.heartbeat_now();
    until_active(&guard);
    guard.check().unwrap();
}

#[test]
fn nothing_is_written_to_where_a_planted_link_leads() {
    let world = World::simulated();
    drop(world.launch());
    let victim = world.dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for name in FILES {
        symlink(&victim, path(&world, &format!("{name}.new"))).unwrap();
    }
    world.launch().check().unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    fs::remove_file(path(&world, "lock")).unwrap();
    symlink(&victim, path(&world, "lock")).unwrap();
    let error = world.builder().launch(&world).err().unwrap();
    assert!(matches!(error, StartError::StateDir { .. }), "{error}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_state_is_not_read_through_a_link() {
    let world = World::simulated();
    drop(world.launch());
    let elsewhere = world.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in FILES {
        fs::rename(path(&world, name), elsewhere.join(name)).unwrap();
        symlink(elsewhere.join(name), path(&world, name)).unwrap();
    }
    finds_nothing(start_offline(&world));
}

#[test]
fn a_directory_that_others_can_write_is_refused_with_advice_and_one_of_our_group_is_not() {
    let world = World::simulated();
    drop(world.launch());
    let dir = world.dir.path().join("license");
    let set = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o777, 0o1777, 0o702] {
        set(mode);
        let error = world.builder().launch(&world).err().unwrap().to_string();
        assert!(error.contains("other users can write") && error.contains("chmod"), "{mode:o}: {error}");
    }
    set(0o2770);
    world.launch().check().unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&dir, None, Some(54_321)).unwrap();
        let error = world.builder().launch(&world).err().unwrap().to_string();
        assert!(error.contains("chmod"), "a group that is not ours: {error}");
        std::os::unix::fs::chown(&dir, Some(54_321), Some(0)).unwrap();
        let error = world.builder().launch(&world).err().unwrap().to_string();
        assert!(error.contains("another user"), "{error}");
    }
}

#[test]
fn a_cluster_id_is_made_where_nobody_else_can_replace_it() {
    let dir = tempfile::tempdir().unwrap();
    let id = dir.path().join("cluster-id");
    let set = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o777);
    let error = Fingerprint::cluster(&id).unwrap_err().to_string();
    assert!(error.contains("other users can write"), "{error}");
    set(0o700);
    let made = Fingerprint::cluster(&id).unwrap();
    // As in a volume of Kubernetes: what we or root have put there is read.
    set(0o777);
    assert_eq!(Fingerprint::cluster(&id).unwrap(), made);
    let link = dir.path().join("link");
    symlink("cluster-id", &link).unwrap();
    assert_eq!(Fingerprint::cluster(&link).unwrap(), made);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(&link, Some(54_321), None).unwrap();
        for mode in [0o777, 0o700] {
            set(mode);
            let error = Fingerprint::cluster(&link).unwrap_err().to_string();
            assert!(error.contains("another user"), "{error}");
        }
        std::os::unix::fs::chown(&id, Some(54_321), None).unwrap();
        set(0o700);
        assert_eq!(Fingerprint::cluster(&id).unwrap(), made, "somebody has copied it there for us");
        set(0o777);
        assert!(Fingerprint::cluster(&id).is_err());
    }
}
