//! Ways that lead to no authority, or that are broken in one place.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kaching_client::{Builder, StartError, State, Timing};
use rustls::ServerConnection;
use serde_json::json;

use super::{Faulty, START, within};
use crate::{
    authority::{Fault, problem},
    proxy::Fault::Instead,
    proxy::Piece,
    ways::own_tls,
    world::{DEADLINE, World, timing, until_active},
};

/// A start without state says that the authority cannot be reached, and one with a lease runs on it.
fn leads_nowhere(url: &str) {
    let world = World::new();
    let there = |builder: Builder| builder.start_timeout(START).start();
    let error = within("the start", START, || there(world.builder_at(url))).err().unwrap();
    assert!(matches!(error, StartError::Unreachable { .. }), "{error}");
    println!("{error}");
    drop(world.start());
    let guard = within("the start", START, || there(world.builder_at(url))).unwrap();
    assert!(matches!(guard.state(), State::Offline { .. }), "{:?}", guard.state());
    guard.check().unwrap();
}

#[test]
fn a_name_that_nobody_knows_leads_nowhere() {
    leads_nowhere("https://licenses.invalid");
}

#[test]
fn a_closed_port_is_unreachable() {
    // An address of this machine on which no other test listens: a port of 127.0.0.1 would soon be another's.
    let address = TcpListener::bind("127.73.0.1:0").unwrap().local_addr().unwrap();
    leads_nowhere(&format!("http://{address}"));
    leads_nowhere(&format!("https://{address}"));
}

#[test]
fn a_handshake_that_never_ends_leads_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It takes what comes, and says nothing.
    thread::spawn(move || {
        let mut held = Vec::new();
        held.extend(listener.incoming().map_while(Result::ok));
    });
    leads_nowhere(&format!("https://localhost:{port}"));
}

#[test]
fn a_certificate_that_nobody_signed_leads_nowhere() {
    let config = own_tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    leads_nowhere(&format!("https://localhost:{port}"));
}

/// Such as a proxy in front that keeps `/.well-known/` for itself.
#[test]
fn a_client_that_holds_the_keys_stays_in_contact_where_their_path_is_broken() {
    let faulty = Faulty::new();
    drop(faulty.running());
    faulty.proxy.set(
        "/.well-known",
        Instead(|_| vec![Piece::Bytes(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_vec())]),
    );
    let guard = faulty.builder().start().unwrap();
    let beats = faulty.world.authority.desk().beats.len();
    faulty.proxy.until_met(2);
    until_active(&guard);
    guard.heartbeat_now();
    assert!(faulty.world.authority.desk().beats.len() > beats, "heartbeats go on");
}

/// Such as a proxy in front that answers questions for changes itself.
#[test]
fn questions_that_get_nonsense_are_asked_without_haste() {
    let world = World::without_streams();
    world.authority.change(|desk| {
        desk.faults.extend((0..100).map(|_| ("/v1/changes", Fault::Say(200, "<html>".to_owned()))));
    });
    let pause = Duration::from_millis(400);
    let guard = world.builder().timing(Timing { poll: (pause, pause), ..timing() }).start().unwrap();
    let asked =
        |desk: &crate::authority::Desk| desk.seen.iter().filter(|path| path.contains("changes")).count();
    world.authority.until(|desk| (asked(desk) >= 4).then_some(()));
    let began = Instant::now();
    let (before, beats) = world.authority.change(|desk| (asked(desk), desk.beats.len()));
    world.authority.until(|desk| (asked(desk) >= before + 3).then_some(()));
    assert!(began.elapsed() >= 2 * pause, "three more questions after {:?}", began.elapsed());
    let beats = world.authority.desk().beats.len() - beats;
    assert!(beats <= 4, "{beats} heartbeats with three questions");
    guard.check().unwrap();
}

#[test]
fn a_refusal_that_nothing_can_verify_yet_delays_no_start() {
    let world = World::new();
    let mut refusal = problem(kaching_base::ErrorCode::LicenseRevoked);
    refusal["statement"] = json!("eyJhbGciOiJFZERTQSJ9.e30.AA");
    let answer = Fault::Say(403, refusal.to_string());
    world.authority.change(|desk| desk.faults.push(("/.well-known/kaching", answer)));
    let timing = Timing { refetch: DEADLINE, ..timing() };
    world.builder().timing(timing).start().unwrap().check().unwrap();
}
