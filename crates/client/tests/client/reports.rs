//! Health, reports and warnings.

use kaching_client::{HealthStatus, ReportKind, State, Warning};

use crate::{
    authority::Fault,
    world::{World, eventually, until, until_active},
};

#[test]
fn health_goes_with_the_next_heartbeat_and_soon() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    guard.set_health(HealthStatus::Degraded, Some("one node is down"));
    world.authority.until(|desk| {
        let beat = desk.beats.iter().find(|beat| beat.body["health"]["status"] == "degraded")?;
        (beat.body["health"]["detail"] == "one node is down").then_some(())
    });
}

#[test]
fn a_report_is_sent_with_one_nonce_until_it_is_accepted_even_after_a_restart() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    world.authority.change(|desk| desk.faults.push(("/v1/reports", Fault::LoseAnswer)));
    guard.report(ReportKind::Security, "the door was open").unwrap();
    let two = world.authority.until(|desk| (desk.reports.len() >= 2).then(|| desk.reports.clone()));
    assert_eq!(two[0]["nonce"], two[1]["nonce"], "the effect of one");
    world.authority.change(|desk| desk.down = true);
    guard.report(ReportKind::Compliance, "the log was exported").unwrap();
    drop(guard);
    world.authority.change(|desk| desk.down = false);
    let _guard = world.launch();
    world.authority.until(|desk| desk.reports.iter().find(|report| report["kind"] == "compliance").map(drop));
}

#[test]
fn a_report_that_is_not_accepted_delays_nothing() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    let problem = crate::authority::problem(kaching_base::ErrorCode::InvalidRequest).to_string();
    world.authority.change(|desk| desk.faults.push(("/v1/reports", Fault::Say(422, problem))));
    guard.report(ReportKind::Health, "first").unwrap();
    guard.report(ReportKind::Health, "second").unwrap();
    world.authority.until(|desk| desk.reports.iter().find(|report| report["detail"] == "second").map(drop));
}

#[test]
fn a_rate_limited_report_delays_no_heartbeat() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    let mut problem = crate::authority::problem(kaching_base::ErrorCode::RateLimited);
    problem["retry_after_s"] = 3600.into();
    world.authority.change(|desk| desk.faults.push(("/v1/reports", Fault::Say(429, problem.to_string()))));
    guard.report(ReportKind::Health, "too many").unwrap();
    world.authority.until(|desk| desk.faults.is_empty().then_some(()));
    guard.set_health(HealthStatus::Degraded, None);
    world
        .authority
        .until(|desk| desk.beats.iter().find(|beat| beat.body["health"]["status"] == "degraded").map(drop));
    world.authority.until(|desk| desk.reports.is_empty().then_some(()));
}

#[test]
fn a_credential_that_is_displaced_twice_within_a_day_warns_of_a_copy() {
    let world = World::simulated();
    let guard = world.launch();
    until_active(&guard);
    for generation in [3, 5] {
        world.authority.change(|desk| desk.generation += 1);
        guard.heartbeat_now();
        world.authority.until(|desk| (desk.generation == generation).then_some(()));
        until_active(&guard);
        guard.check().unwrap();
    }
    let activation = guard.license().granted.unwrap().activation;
    eventually("the warning", || guard.warnings() == [Warning::Copy { activation }]);
    let warnings = guard.license().warnings;
    let command = format!("kaching audit list --target {activation}");
    assert!(warnings[0].contains("copy") && warnings[0].contains(&command), "{warnings:?}");
    guard.heartbeat_now();
    world.authority.change(|desk| desk.down = true);
    world.clock.advance(86_401);
    guard.heartbeat_now();
    assert_eq!(guard.warnings(), []);
}

#[test]
fn a_moved_clock_is_warned_of_until_contact() {
    let world = World::simulated();
    drop(world.launch());
    world.authority.change(|desk| desk.down = true);
    world.clock.reboot();
    world.clock.set_wall(4_000_000_000);
    let guard = world.launch();
    guard.check().unwrap();
    let mut watch = guard.watch();
    assert_eq!(watch.warnings(), [Warning::Clock]);
    world.authority.change(|desk| desk.down = false);
    until(&guard, |state| matches!(state, State::Active { .. }));
    eventually("its end", || watch.warnings().is_empty());
    assert!(watch.next(crate::world::DEADLINE).is_some());
}
