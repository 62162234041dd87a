//! The server under a service manager: what it reports to it, and the sockets that it gets from it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use crate::{
    kaching::{Kaching, Said},
    serve::Server,
};

/// Passes standard input and another stream on as sockets, as systemd passes sockets.
const PASS: &str = "LISTEN_PID=$$ exec \"$0\" \"$@\"";
const RESTARTS: usize = 5;
const LONGEST: Duration = Duration::from_secs(60);

/// Returns a command that serves on these sockets, of which there may be two. The second takes the place of standard error.
fn serving(kaching: &Kaching, sockets: Vec<(&str, OwnedFd)>) -> Command {
    let (mut command, second) = passing("exec 3<&0 4<&2 </dev/null 2>/dev/null", kaching, sockets);
    command.stderr(second);
    command
}

/// Runs `serve` with sockets that it refuses. The second takes the place of standard output.
fn refused(kaching: &Kaching, sockets: Vec<(&str, OwnedFd)>) -> Said {
    let (mut command, second) = passing("exec 3<&0 4<&1 </dev/null >/dev/null", kaching, sockets);
    Said::of(&command.arg("serve").stdout(second).output().unwrap())
}

fn passing(streams: &str, kaching: &Kaching, sockets: Vec<(&str, OwnedFd)>) -> (Command, Stdio) {
    let mut command = kaching.command_of("sh");
    let names = sockets.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(":");
    command.env("LISTEN_FDS", sockets.len().to_string()).env("LISTEN_FDNAMES", names);
    command.args(["-c", &format!("{streams}; {PASS}"), env!("CARGO_BIN_EXE_kaching")]);
    let mut sockets = sockets.into_iter().map(|(_, socket)| Stdio::from(socket));
    command.stdin(sockets.next().unwrap());
    (command, sockets.next().unwrap_or_else(Stdio::null))
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn shared(listener: &TcpListener) -> OwnedFd {
    listener.try_clone().unwrap().into()
}

fn status(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn reports_its_start_its_life_and_its_stop() {
    let kaching = Kaching::new();
    let path = kaching.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(LONGEST)).unwrap();
    let next = || {
        let mut bytes = [0; 1024];
        let length = manager.recv(&mut bytes).expect("a report arrives in time");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut command = kaching.command();
    command.stderr(Stdio::null()).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let server = Server::of(command, &[]);
    let start = next();
    assert!(start.contains("STATUS=") && start.contains("EXTEND_TIMEOUT_USEC="), "{start}");
    let listen = server.greeting["listen"].as_str().unwrap();
    assert_eq!(next(), format!("READY=1\nSTATUS=Serves products on http://{listen}"));
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    assert_eq!(server.stop(), 0);
    let stop = std::iter::repeat_with(next).find(|report| report != "WATCHDOG=1").unwrap();
    assert!(stop.starts_with("STOPPING=1\n") && stop.contains("EXTEND_TIMEOUT_USEC="), "{stop}");
}

#[test]
fn gives_a_watchdog_of_another_process_no_sign() {
    let kaching = Kaching::new();
    let path = kaching.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let mut command = kaching.command();
    command.stderr(Stdio::null()).env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let server = Server::of(command, &[]);
    assert_eq!(server.stop(), 0);
    manager.set_nonblocking(true).unwrap();
    let mut bytes = [0; 1024];
    let reports = std::iter::from_fn(|| manager.recv(&mut bytes).ok().map(|length| bytes[..length].to_vec()));
    let reports: Vec<_> = reports.map(|report| String::from_utf8(report).unwrap()).collect();
    assert!(reports.iter().any(|report| report.starts_with("READY=1")), "{reports:?}");
    assert!(!reports.iter().any(|report| report.contains("WATCHDOG")), "{reports:?}");
}

#[test]
fn a_passed_socket_outlives_the_server() {
    let kaching = Kaching::new();
    let (listener, address) = listener();
    let start = || Server::of(serving(&kaching, vec![("product", shared(&listener))]), &[]);
    let first = start();
    assert_eq!(first.greeting["listen"], address.to_string(), "in place of --listen");
    assert_eq!(first.greeting["public_url"], format!("http://{address}"));
    assert_eq!(status(address, "/metrics"), "200", "operators share an address of loopback");
    assert_eq!(first.stop(), 0);

    // Products connect all the time, also while nothing serves.
    let (ending, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !ending.load(Ordering::Relaxed) {
                    assert_eq!(status(address, "/health"), "200");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..RESTARTS {
            let before = answered.load(Ordering::Relaxed);
            let server = start();
            while answered.load(Ordering::Relaxed) < before + 20 {
                std::thread::yield_now();
            }
            assert_eq!(server.stop(), 0);
        }
        let last = start();
        ending.store(true, Ordering::Relaxed);
        last
    });
    assert!(answered.load(Ordering::Relaxed) >= 20 * RESTARTS);
}

#[test]
fn operators_have_a_passed_socket_of_their_own() {
    let kaching = Kaching::new();
    let ((product, for_products), (admin, for_operators)) = (listener(), listener());
    let sockets = vec![("admin", admin.into()), ("product", product.into())];
    let server = Server::of(serving(&kaching, sockets), &[]);
    assert_eq!(server.greeting["admin_listen"], for_operators.to_string());
    assert_eq!(
        (status(for_products, "/metrics"), status(for_operators, "/metrics")),
        ("404".to_owned(), "200".to_owned())
    );
    assert_eq!(server.stop(), 0);
}

#[test]
fn sockets_that_cannot_be_used_are_refused() {
    let kaching = Kaching::new();
    let new = || OwnedFd::from(listener().0);
    let unconnected = || OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    let other = || {
        let path = kaching.path().join("other");
        let _ = std::fs::remove_file(&path);
        OwnedFd::from(std::os::unix::net::UnixListener::bind(path).unwrap())
    };
    for (sockets, what) in [
        (vec![("kaching.socket", new())], "'kaching.socket' was passed: name it product or admin"),
        (vec![("admin", new())], "without the one for products"),
        (vec![("product", new()), ("product", new())], "Two sockets with the name product"),
        (vec![("product", unconnected())], "not a TCP socket that listens"),
        (vec![("product", other())], "not a TCP socket that listens"),
    ] {
        let said = refused(&kaching, sockets);
        assert!(said.code == 1 && said.err.contains(what), "{}", said.err);
    }
    assert!(!kaching.data().exists(), "nothing was made");
}
