//! Tests that need the guard's own threads and real sockets: callbacks, connections that are closed, a call that hangs.

use std::time::{Duration, Instant};

use kaching_base::ErrorCode;
use kaching_client::{Guard, HandoverSource as _, LeaseUrl, LicenseKey, Timing, Via};

use crate::{
    authority::{Desk, Fault},
    streaming::{EVENTS, asked, slow, until_via},
    world::{DEADLINE, World, eventually, timing, until_refused},
};

#[test]
fn a_refusal_on_the_stream_stops_immediately_and_the_next_heartbeat_reports_its_delay() {
    let world = World::new();
    let (sender, stops) = std::sync::mpsc::channel();
    let guard = world.builder().on_stop(move |_| sender.send(Instant::now()).unwrap()).start().unwrap();
    until_via(&guard, Via::Stream);
    // A change before the present state would be part of it, and its time would not be known.
    world.authority.until(|desk| (desk.begun > 0).then_some(()));
    let began = Instant::now();
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    let took = stops.recv_timeout(DEADLINE).unwrap() - began;
    assert_eq!(guard.check().unwrap_err().code_text(), "license_suspended");
    let heard = |desk: &Desk| desk.beats.iter().find_map(|beat| beat.body["heard_ms"].as_u64());
    let heard = world.authority.until(heard);
    assert!(u128::from(heard) <= took.as_millis() + 1000, "{heard} ms, of {took:?}");
    let beats = world.authority.desk().beats.len();
    world.authority.until(|desk| (desk.beats.len() >= beats + 2).then_some(()));
    let desk = world.authority.desk();
    let last = desk.beats.last().unwrap();
    assert!(last.body["heard_ms"].is_null(), "it is reported once: {last:?}");
    assert_eq!(asked(&desk, "/v1/changes"), 0, "nothing had to be asked for");
}

#[test]
fn a_shutdown_closes_a_silent_stream() {
    let first = World::new().authority.desk().event(true);
    let silent = Timing { silence_timeout: 10 * DEADLINE, first_event_timeout: 10 * DEADLINE, ..timing() };
    let acts: [fn(Guard); 3] = [drop, |guard| guard.shutdown().unwrap(), |guard| guard.deactivate().unwrap()];
    for end in acts {
        let world = World::new().with_stream_faults([Fault::Hold(first.clone())]);
        let guard = world.builder().timing(silent.clone()).start().unwrap();
        world.authority.until(|desk| (asked(desk, EVENTS) > 0).then_some(()));
        assert_eq!(world.authority.desk().closed, 0);
        end(guard);
        world.authority.until(|desk| (desk.closed > 0).then_some(()));
    }
}

#[test]
fn another_license_has_another_stream() {
    let first = World::new().authority.desk().event(true);
    let world = World::new().with_stream_faults([Fault::Hold(first)]);
    let silent = Timing { silence_timeout: 10 * DEADLINE, first_event_timeout: 10 * DEADLINE, ..slow() };
    let guard = world.builder().timing(silent).start().unwrap();
    world.authority.until(|desk| (asked(desk, EVENTS) > 0).then_some(()));
    let key = "CHORUS-11111-11111-11111-11111-11111";
    world.authority.change(|desk| {
        desk.other_license();
        desk.key = key.to_owned();
    });
    guard.activate(LicenseKey::new(key)).unwrap();
    world.authority.until(|desk| (asked(desk, EVENTS) > 1).then_some(()));
    world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
}

#[test]
fn a_lease_is_fetched_from_the_url_of_another_node() {
    let world = World::new();
    let source = LeaseUrl::new(format!("{}/nothing-here", world.authority.url()));
    let error = source.fetch().unwrap_err().to_string();
    assert!(error.contains("404"), "{error}");
}

#[test]
fn usage_is_on_disk_soon_while_a_call_hangs() {
    let world = World::new();
    drop(world.start());
    // It takes what comes, and says nothing for longer than this test waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (call, start) = (3 * DEADLINE, Duration::from_millis(300));
    let timing = Timing { call_timeout: call, start_timeout: start, ..timing() };
    let guard = world.builder_at(&url).timing(timing).start().unwrap();
    guard.record("jobs", 5).unwrap();
    let written = |name: &str| {
        std::fs::read_to_string(world.dir.path().join("license").join(name))
            .is_ok_and(|state| state.contains(r#""meter":"jobs","amount":5"#))
    };
    eventually("the write", || written("state-a.json") || written("state-b.json"));
}
