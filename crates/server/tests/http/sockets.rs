//! Behaviour of sockets: listeners, TLS, slow clients, shutdown.

use std::{fs, sync::Arc, time::Duration};

use kaching_server::{Addresses, Listeners, Shutdown, config::Config};
use kaching_testkit::{Engine, World};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use crate::test_server::TestServer;

/// Serves a world with these settings while `visit` runs, and stops it then.
async fn serve<F: Future<Output = ()>>(
    settings: &str,
    visit: impl FnOnce(Arc<TestServer>, Addresses, kaching_server::Stop) -> F,
) {
    let server = Arc::new(TestServer::with(World::on(Engine::Sqlite).await, settings));
    let config = Config::read(settings, &Default::default(), |_| unreachable!()).unwrap();
    let listeners = Listeners::bind(&config, Some(server.world.directory.path())).await.unwrap();
    let addresses = listeners.addresses().clone();
    let (stop, shutdown): (_, Shutdown) = kaching_server::shutdown();
    let visit = visit(Arc::clone(&server), addresses.clone(), stop);
    let (served, ()) = tokio::join!(listeners.serve(server.app.clone(), shutdown), visit);
    served.unwrap();
    assert!(!addresses.socket.unwrap().exists(), "a stopped server leaves no socket");
}

const LOCAL: &str = "[server]\nlisten = '127.0.0.1:0'\n";

async fn say(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn operators_have_an_address_of_their_own() {
    let settings = format!("{LOCAL}admin_listen = '127.0.0.2:0'\n");
    serve(&settings, async |_, addresses, stop| {
        let mut product = TcpStream::connect(addresses.product).await.unwrap();
        assert!(say(&mut product, &get("/metrics")).await.starts_with("HTTP/1.1 404"));
        let mut private = TcpStream::connect(addresses.private.unwrap()).await.unwrap();
        let metrics = say(&mut private, &get("/metrics")).await;
        assert!(metrics.contains("kaching_http_connections 1"), "{metrics}");
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn the_local_socket_needs_no_token() {
    serve(LOCAL, async |_, addresses, stop| {
        let mut socket = UnixStream::connect(addresses.socket.unwrap()).await.unwrap();
        assert!(say(&mut socket, &get("/v1/admin/stats")).await.starts_with("HTTP/1.1 200"));
        let mut network = TcpStream::connect(addresses.product).await.unwrap();
        assert!(say(&mut network, &get("/v1/admin/stats")).await.starts_with("HTTP/1.1 401"));
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let settings = format!("{LOCAL}body_timeout_s = 1\n");
    serve(&settings, async |_, addresses, stop| {
        let mut stream = TcpStream::connect(addresses.product).await.unwrap();
        let head = "POST /v1/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
        let answer = say(&mut stream, head).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
        let mut stream = TcpStream::connect(addresses.product).await.unwrap();
        let answer = say(&mut stream, "POST /v1/act").await;
        assert_problem(&answer, 408, "request_timeout");
        let mut stream = TcpStream::connect(addresses.product).await.unwrap();
        assert_eq!(say(&mut stream, "").await, "", "a client that sends nothing gets no answer");
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn where_no_connection_is_left_each_makes_room_after_its_answer() {
    let settings = format!("{LOCAL}max_connections = 2\n");
    serve(&settings, async |_, addresses, stop| {
        let connect = async || TcpStream::connect(addresses.product).await.unwrap();
        // Nobody says that it is the last request: the server ends the connection, as another one waits.
        let staying = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
        let (mut first, mut second, mut third) = (connect().await, connect().await, connect().await);
        let leaving = get("/health");
        let answers =
            tokio::join!(say(&mut first, staying), say(&mut second, staying), say(&mut third, &leaving));
        let open = answers.0.contains("connection: close") || answers.1.contains("connection: close");
        assert!(open && answers.2.starts_with("HTTP/1.1 200"), "{answers:?}");
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn connections_without_a_complete_request_make_room_for_others() {
    let settings = format!("{LOCAL}max_connections = 30\nbody_timeout_s = 600\n");
    serve(&settings, async |server, addresses, stop| {
        let connect = async || TcpStream::connect(addresses.product).await.unwrap();
        let begun = [
            "",
            "GET /health HTTP/1.1\r\nHost: x\r\n",
            "POST /v1/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        ];
        let mut open = Vec::new();
        for n in 0..100 {
            let mut stream = connect().await;
            // Those that were ended already cannot be written to.
            let _ = stream.write_all(begun[n % 3].as_bytes()).await;
            open.push(stream);
        }
        let answered = async {
            for _ in 0..5 {
                let answer = say(&mut connect().await, &get("/health")).await;
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        };
        tokio::time::timeout(Duration::from_secs(20), answered).await.expect("there is room");
        assert_eq!(say(&mut open[0], "").await, "", "the oldest has made room");
        let metrics = String::from_utf8(server.call("GET", "/metrics").send().await.bytes).unwrap();
        let ended = metrics
            .lines()
            .find_map(|line| line.strip_prefix("kaching_http_connections_ended_total "))
            .unwrap();
        assert!(ended.parse::<u32>().unwrap() >= 70, "{ended}");
        drop(open);
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn a_request_in_progress_is_not_ended_to_make_room() {
    let settings = format!("{LOCAL}max_connections = 2\nbody_timeout_s = 600\n");
    serve(&settings, async |server, addresses, stop| {
        let license = server.seed().await;
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let lease = active["lease"].as_str().unwrap();
        let mut stream = TcpStream::connect(addresses.product).await.unwrap();
        let request = format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lease}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut stream, "\n\n").await;
        // Next to the stream there is room for one connection, which each new one takes from the last.
        let mut idle = Vec::new();
        for _ in 0..5 {
            idle.push(TcpStream::connect(addresses.product).await.unwrap());
        }
        let answer = say(&mut TcpStream::connect(addresses.product).await.unwrap(), &get("/health")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let suspend = format!("/licenses/{}/suspend", license["id"].as_str().unwrap());
        server.admin("POST", &suspend).json(&json!({"reason": "not paid"})).send().await.expect(200);
        let event = read_until(&mut stream, "\n\n").await;
        assert!(event.contains("event: refusal"), "{event}");
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let settings = format!("{LOCAL}body_timeout_s = 1\n");
    serve(&settings, async |_, addresses, stop| {
        let mut stream = TcpStream::connect(addresses.product).await.unwrap();
        let asking = async {
            while stream.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await.is_ok() {}
        };
        tokio::time::timeout(Duration::from_secs(20), asking).await.expect("the connection ends");
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn heads_and_bodies_are_accepted_up_to_a_limit() {
    serve(LOCAL, async |_, addresses, stop| {
        let connect = async || TcpStream::connect(addresses.product).await.unwrap();
        let head = |padding: usize, rest: &str| {
            format!("Host: x\r\nX-Padding: {}\r\n{rest}\r\n", "x".repeat(padding))
        };
        let request = format!("GET /health HTTP/1.1\r\n{}", head(32 * 1024, "Connection: close\r\n"));
        assert!(say(&mut connect().await, &request).await.starts_with("HTTP/1.1 200"));
        let body = format!(r#"{{"license_key":"CHORUS-1{}"}}"#, " ".repeat(64 * 1024 - 26));
        assert_eq!(body.len(), 64 * 1024);
        let rest = format!(
            "Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let request = format!("POST /v1/validate HTTP/1.1\r\n{}{body}", head(16 * 1024, &rest));
        let answer = say(&mut connect().await, &request).await;
        assert!(answer.starts_with("HTTP/1.1 ") && answer.contains("x-request-id"), "{answer}");
        let mut stream = connect().await;
        stream
            .write_all(format!("GET /health HTTP/1.1\r\nX: {}", "x".repeat(64 * 1024)).as_bytes())
            .await
            .unwrap();
        assert_problem(&read_until(&mut stream, "}").await, 431, "headers_too_large");
        stop.now();
    })
    .await;
}

/// A whole problem document, with what each answer has.
fn assert_problem(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{code}: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    assert_eq!(header("content-type"), Some("application/problem+json"), "{answer}");
    assert_eq!(header("content-length"), Some(body.len().to_string().as_str()), "{answer}");
    let problem: kaching_api::Problem = serde_json::from_str(body).unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (status, code), "{answer}");
    assert_eq!(header("x-request-id"), Some(problem.request_id.as_str()), "{answer}");
}

#[tokio::test]
async fn a_head_that_reaches_no_handler_is_answered_with_a_problem() {
    serve(LOCAL, async |server, addresses, stop| {
        let ask = async |request: &str| {
            let mut stream = TcpStream::connect(addresses.product).await.unwrap();
            say(&mut stream, request).await
        };
        let many = "X: y\r\n".repeat(200);
        let cases = [
            ("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400, "malformed_body"),
            (
                "GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n".to_owned(),
                400,
                "malformed_body",
            ),
            ("nonsense\r\n\r\n".to_owned(), 400, "malformed_body"),
            ("GET / HTTP/7\r\n\r\n".to_owned(), 400, "malformed_body"),
            (format!("GET /health HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431, "headers_too_large"),
            (get(&format!("/health?{}", "x".repeat(20_000))), 414, "uri_too_long"),
            (format!("GET /{}", "x".repeat(64 * 1024)), 414, "uri_too_long"),
        ];
        for (request, status, code) in &cases {
            assert_problem(&ask(request).await, *status, code);
        }
        assert!(ask("GET /health HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"), "it had no Host");
        let answer =
            ask("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_problem(&answer, 400, "malformed_body");
        assert!(answer.contains("PROXY protocol"), "{answer}");
        let answer = ask("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c").await;
        assert!(answer.contains("PROXY protocol"), "{answer}");
        let metrics = String::from_utf8(server.call("GET", "/metrics").send().await.bytes).unwrap();
        assert!(metrics.contains(r#"status="431",code="headers_too_large""#), "{metrics}");
        stop.now();
    })
    .await;
}

#[tokio::test]
async fn a_stop_answers_waiting_and_unfinished_requests() {
    serve(LOCAL, async |server, addresses, stop| {
        let license = server.seed().await;
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let mut waiting = TcpStream::connect(addresses.product).await.unwrap();
        let lease = active["lease"].as_str().unwrap();
        let request = format!("GET /v1/changes?rev=1&wait=55 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lease}\r\n\r\n");
        waiting.write_all(request.as_bytes()).await.unwrap();

        let body = r#"{"license_key":"CHORUS-1"}"#;
        let mut slow = TcpStream::connect(addresses.product).await.unwrap();
        let length = body.len();
        let head = format!("POST /v1/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
        slow.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body: it is in the middle of this request.
        let mut go_on = [0; 25];
        slow.read_exact(&mut go_on).await.unwrap();
        assert!(go_on.starts_with(b"HTTP/1.1 100"));

        stop.now();
        let answer = say(&mut waiting, "").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#"{"rev":1,"epoch":1,"#), "{answer}");
        let answer = say(&mut slow, body).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("key_malformed"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_answers_the_first_request_of_each_open_connection() {
    serve(LOCAL, async |_, addresses, stop| {
        let open = |metrics: &str| metrics.contains("kaching_http_connections 2\n");
        let mut taken = TcpStream::connect(addresses.product).await.unwrap();
        let both = async {
            let metrics = async || {
                let mut stream = TcpStream::connect(addresses.product).await.unwrap();
                say(&mut stream, &get("/metrics")).await
            };
            while !open(&metrics().await) {}
        };
        tokio::time::timeout(Duration::from_secs(20), both).await.expect("the first is taken");
        // The server has not been able to take this one when it is stopped.
        let queued = std::net::TcpStream::connect(addresses.product).unwrap();
        queued.set_nonblocking(true).unwrap();
        stop.now();
        let mut queued = TcpStream::from_std(queued).unwrap();
        for stream in [&mut taken, &mut queued] {
            let answer = say(stream, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
        }
    })
    .await;
}

/// Reads a stream until it contains this; returns all that arrived.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut come = String::new();
    while !come.contains(text) {
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).await.unwrap();
        assert!(n > 0, "the stream ended: {come}");
        come.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
    }
    come
}

#[tokio::test]
async fn a_stream_lasts_until_it_is_cut_or_the_server_stops() {
    serve(LOCAL, async |server, addresses, stop| {
        let license = server.seed().await;
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let lease = active["lease"].as_str().unwrap();
        let open = async || {
            let mut stream = TcpStream::connect(addresses.product).await.unwrap();
            let request = format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lease}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let begun = read_until(&mut stream, "\n\n").await;
            assert!(begun.starts_with("HTTP/1.1 200") && begun.contains(r#"{"rev":"#), "{begun}");
            stream
        };
        drop(open().await);
        let none = async {
            let metrics = async || {
                let mut stream = TcpStream::connect(addresses.product).await.unwrap();
                say(&mut stream, &get("/metrics")).await
            };
            while !metrics().await.contains("kaching_http_streams 0") {}
        };
        tokio::time::timeout(Duration::from_secs(20), none).await.expect("a stream that is cut is gone");

        let mut stream = open().await;
        let suspend = format!("/licenses/{}/suspend", license["id"].as_str().unwrap());
        server.admin("POST", &suspend).json(&json!({"reason": "not paid"})).send().await.expect(200);
        let event = read_until(&mut stream, "\n\n").await;
        assert!(event.contains("event: refusal\ndata: {\"rev\":2,"), "{event}");
        stop.now();
        let end = say(&mut stream, "").await;
        assert!(end.contains("event: end\ndata: {\"ends\":\"leaving\","), "{end}");
        assert!(end.ends_with("0\r\n\r\n"), "it ends in good order: {end}");
    })
    .await;
}

#[tokio::test]
async fn tls_takes_a_new_certificate_when_its_files_change() {
    let directory = tempfile::tempdir().unwrap();
    let (chain, key) = (directory.path().join("chain.pem"), directory.path().join("key.pem"));
    let put = |n: u8| {
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
        fs::copy(format!("{ours}/key-{n}.pem"), &key).unwrap();
        fs::copy(format!("{ours}/chain-{n}.pem"), &chain).unwrap();
    };
    put(1);
    let settings = format!("{LOCAL}tls_cert = '{}'\ntls_key = '{}'\n", chain.display(), key.display());
    serve(&settings, async |server, addresses, stop| {
        let first = shake_hands(&addresses).await;
        put(2);
        let renewed = async { while shake_hands(&addresses).await == first {} };
        tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("the new certificate is used");
        let second = shake_hands(&addresses).await;
        fs::write(&chain, "no certificate").unwrap();
        let metrics = server.call("GET", "/metrics").send().await;
        let metrics = String::from_utf8(metrics.bytes).unwrap();
        let end = metrics
            .lines()
            .find_map(|line| line.strip_prefix("kaching_http_tls_certificate_end_seconds "))
            .unwrap();
        assert!(end.parse::<i64>().unwrap() > 4_000_000_000, "{end}");
        assert_eq!(shake_hands(&addresses).await, second, "what cannot be used is not taken");
        stop.now();
    })
    .await;
}

/// Asks for `/health` over TLS; gives the certificate that was shown.
async fn shake_hands(addresses: &Addresses) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    for n in [1, 2] {
        let path = format!("{}/tests/tls/chain-{n}.pem", env!("CARGO_MANIFEST_DIR"));
        roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(addresses.product).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let answer = say(&mut stream, &get("/health")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    shown
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_is_reported_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let bind = async |settings: &str, directory: &std::path::Path| {
        let config = Config::read(settings, &Default::default(), |_| unreachable!()).unwrap();
        Listeners::bind(&config, Some(directory)).await.err().unwrap().to_string()
    };
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = format!("[server]\nlisten = '{}'", taken.local_addr().unwrap());
    assert!(bind(&settings, directory.path()).await.contains("is in use by another program"));
    assert!(
        bind("[server]\nlisten = '192.0.2.1:0'", directory.path())
            .await
            .contains("not an address of this machine")
    );
    let long = directory.path().join("x".repeat(100));
    assert!(bind(LOCAL, &long).await.contains("choose a data directory with a shorter path"));
    fs::write(directory.path().join("kaching.sock"), "").unwrap();
    assert!(bind(LOCAL, directory.path()).await.contains("is not a socket: move it away"));
    let settings = format!("{LOCAL}tls_cert = '/nowhere/chain.pem'\ntls_key = '/nowhere/key.pem'");
    assert!(bind(&settings, directory.path()).await.contains("/nowhere/chain.pem cannot be used"));
}
