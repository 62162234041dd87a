//! Ways that lead to no authority, or that are broken in one place.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use kaching_client::{Builder, StartError, State};
use rustls::{ServerConfig, ServerConnection, pki_types::PrivatePkcs8KeyDer};

use super::{START, within};
use crate::world::World;

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
fn a_port_where_nothing_listens_leads_nowhere() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    leads_nowhere(&format!("http://127.0.0.1:{port}"));
    leads_nowhere(&format!("https://localhost:{port}"));
}

#[test]
fn a_certificate_that_nobody_signed_leads_nowhere() {
    let certificate = include_bytes!("../unsigned/certificate.der").to_vec();
    let key = PrivatePkcs8KeyDer::from(include_bytes!("../unsigned/key.der").to_vec());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key.into())
        .unwrap();
    let config = Arc::new(config);
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
