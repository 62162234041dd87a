//! Settings of the connection to the authority: a custom certificate authority, a proxy.

use std::{
    fs, io,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kaching_client::{Builder, StartError};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};

use crate::world::{World, until_active};

const CERTIFICATE: &[u8] = include_bytes!("unsigned/certificate.der");
const KEY: &[u8] = include_bytes!("unsigned/key.der");

/// A server with a certificate that is in nobody's list.
pub(crate) fn own_tls() -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(KEY.to_vec());
    Arc::new(config.with_single_cert(vec![CERTIFICATE.to_vec().into()], key.into()).unwrap())
}

/// The world's authority behind TLS, on a port of its own; its URL.
fn behind_tls(world: &Arc<World>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (world, config) = (Arc::downgrade(world), own_tls());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Some(world) = world.upgrade() else { return };
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            world.authority.serve(StreamOwned::new(connection, stream));
        }
    });
    format!("https://localhost:{port}")
}

/// The certificate as a file that an administrator has.
fn pem(world: &World) -> PathBuf {
    let path = world.dir.path().join("ca.pem");
    let body = STANDARD.encode(CERTIFICATE);
    fs::write(&path, format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")).unwrap();
    path
}

fn soon(builder: Builder) -> Builder {
    builder.start_timeout(Duration::from_millis(500))
}

#[test]
fn a_custom_certificate_authority_is_trusted() {
    let world = Arc::new(World::new());
    let url = behind_tls(&world);
    let error = soon(world.builder_at(&url)).start().err().unwrap();
    assert!(matches!(error, StartError::Unreachable { .. }), "{error}");
    let guard = world.builder_at(&url).extra_ca(pem(&world)).start().unwrap();
    until_active(&guard);
}

#[test]
fn a_configured_proxy_is_used() {
    let world = Arc::new(World::new());
    let url = behind_tls(&world);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let tunnels = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tunnels);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            thread::spawn(move || tunnel(stream, &counted));
        }
    });
    let guard = world.builder_at(&url).extra_ca(pem(&world)).proxy(proxy).start().unwrap();
    until_active(&guard);
    assert!(tunnels.load(Ordering::SeqCst) > 0, "it went past the proxy");
}

/// CONNECT as RFC 9110 has it, for as long as both ends like.
fn tunnel(near: TcpStream, counted: &AtomicUsize) -> io::Result<()> {
    let mut reader = BufReader::new(near.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let target = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let far = TcpStream::connect(target)?;
    (&near).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    counted.fetch_add(1, Ordering::SeqCst);
    let (back, mut there) = ((far.try_clone()?, near.try_clone()?), far);
    thread::spawn(move || io::copy(&mut &back.0, &mut &back.1));
    io::copy(&mut reader, &mut there).map(drop)
}

#[test]
fn an_unusable_setting_is_named() {
    let world = World::new();
    let error = world.builder().extra_ca("/nowhere/ca.pem").start().err().unwrap().to_string();
    assert!(error.contains("/nowhere/ca.pem"), "{error}");
    let empty = world.dir.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    let error = world.builder().extra_ca(empty).start().err().unwrap().to_string();
    assert!(error.contains("no certificate"), "{error}");
    let error = world.builder().proxy("not a url with a secret@").start().err().unwrap().to_string();
    assert!(error.contains("proxy") && !error.contains("secret"), "{error}");
}
