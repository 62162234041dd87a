//! Addresses at which no authority answers, and paths that are broken in one place.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use kaching_client::{Builder, StartError, State};
use rustls::ServerConnection;

use super::{Faulty, START, within};
use crate::{
    connections::own_tls,
    proxy::Fault::Instead,
    proxy::Piece,
    world::{World, until_active},
};

/// A start without state says that the authority cannot be reached, and one with a lease runs on it.
fn is_unreachable(url: &str) {
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
fn an_unknown_name_is_unreachable() {
    is_unreachable("https://licenses.invalid");
}

#[test]
fn a_closed_port_is_unreachable() {
    // An address of this machine on which no other test listens: a port of 127.0.0.1 would soon be another's.
    let address = TcpListener::bind("127.73.0.1:0").unwrap().local_addr().unwrap();
    is_unreachable(&format!("http://{address}"));
    is_unreachable(&format!("https://{address}"));
}

#[test]
fn a_handshake_that_never_ends_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It takes what comes, and says nothing.
    thread::spawn(move || {
        let mut held = Vec::new();
        held.extend(listener.incoming().map_while(Result::ok));
    });
    is_unreachable(&format!("https://localhost:{port}"));
}

#[test]
fn a_certificate_that_nobody_signed_is_unreachable() {
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
    is_unreachable(&format!("https://localhost:{port}"));
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
