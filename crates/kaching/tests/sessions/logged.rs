//! The log of the server, and what it must not contain.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
};

use kaching_license::Credential;
use serde_json::{Value, json};

use crate::{kaching::Kaching, serve::Server};

#[test]
fn each_line_is_a_document_without_secrets_at_every_level() {
    let kaching = Kaching::new();
    let log = kaching.path().join("log");
    let mut command = kaching.command();
    command.env("KACHING_LOG__FORMAT", "json").env("KACHING_LOG__LEVEL", "trace");
    command.env("KACHING_KEYS__ROOT_PASSPHRASE", "correct horse").stderr(File::create(&log).unwrap());
    let server = Server::of(command, &[]);

    let license = kaching.with_license();
    kaching.json(&["customer", "create", "--name", "Zoë Person", "--email", "zoe@person.example"]);
    let key = license["key"].as_str().unwrap().to_owned();
    let nonce = "0123456789abcdef-1";
    let ask = json!({"license_key": key, "product": "chorus", "fingerprint": "print-of-it", "kind": "cluster",
        "name": "rack 7", "nonce": nonce});
    let active = server.post("/v1/activate", &ask);
    let credential = active["credential"].as_str().unwrap_or_else(|| panic!("{active}")).to_owned();
    let fpr = kaching_license::Digest::of("print-of-it").to_string();
    let body = json!({"nonce": "0123456789abcdef-2", "fpr": fpr}).to_string();
    let parsed = Credential::parse(&credential).unwrap();
    let (proof, _) = parsed.authorize(1, "POST", "/v1/heartbeat", body.as_bytes());
    let renewed = server.post_as(&format!("\r\nAuthorization: {proof}"), "/v1/heartbeat", &body);
    let lease = renewed["lease"].as_str().expect("it is renewed").to_owned();
    let mut unknown = ask.clone();
    unknown["license_key"] = json!("CHORUS-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA");
    let refused = server.post("/v1/activate", &unknown);
    let stranger = server.post_as("\r\nAuthorization: Bearer kch_stranger", "/v1/admin/products", "{}");
    assert_eq!(stranger["code"], "unauthenticated", "{stranger}");
    for _ in 0..2 {
        server.post_as(
            "\r\nX-Forwarded-For: 203.0.113.7",
            "/v1/validate",
            &json!({"license_key": key}).to_string(),
        );
    }
    let token = fs::read_to_string(server.greeting["first_token"].as_str().unwrap()).unwrap();
    let master = fs::read_to_string(kaching.data().join("master.key")).unwrap();
    let bearer = format!("\r\nAuthorization: Bearer {}", token.trim());
    assert_eq!(server.post_as(&bearer, "/v1/admin/products", "{")["code"], "malformed_body");
    for path in ["/v1/admin/licenses/KEY", "/v1/admin/licenses?q=KEY", "/v1/admin/KEY"] {
        let printed = server.get_as(&bearer, &path.replace("KEY", &key)).to_string();
        assert!(printed.contains("\"status\":4") && !printed.contains(&key), "{printed}");
    }
    assert_eq!(server.stop(), 0);

    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "{line} has no {field}");
        }
    }
    let found = |level: &str, message: &str| {
        let mut lines = lines.iter().filter(|line| line["level"] == level && line["message"] == message);
        lines.next_back().unwrap_or_else(|| panic!("{level} {message} is missing in\n{text}"))
    };
    assert!(found("INFO", "serving")["listen"].is_string());
    found("INFO", "asked to stop by SIGTERM");
    found("INFO", "stopped");
    let untrusted =
        |line: &&Value| line["message"].as_str().unwrap().starts_with("X-Forwarded-For comes from");
    let untrusted: Vec<_> = lines.iter().filter(untrusted).collect();
    assert_eq!(untrusted.len(), 1, "a proxy that is not trusted is reported once:\n{text}");
    assert_eq!((&untrusted[0]["level"], &untrusted[0]["address"]), (&json!("WARN"), &json!("127.0.0.1")));
    let first = lines.iter().find(|line| line["request"] == refused["request_id"]);
    let first = first.unwrap_or_else(|| panic!("{refused} is not in\n{text}"));
    assert_eq!((&first["level"], &first["message"]), (&json!("DEBUG"), &json!("refused")));
    assert_eq!((&first["route"], &first["code"]), (&json!("/v1/activate"), &refused["code"]));

    let secret = credential.rsplit_once('.').expect("a credential has two parts").1;
    for never in [
        key.as_str(),
        &key.replace('-', "")[..],
        "AAAAA-AAAAA",
        secret,
        &proof,
        lease.rsplit('.').next().unwrap(),
        token.trim(),
        "kch_stranger",
        master.trim(),
        "correct horse",
        nonce,
        "print-of-it",
        "rack 7",
        "Zoë",
        "zoe@",
        "Acme",
    ] {
        assert!(!never.is_empty() && !text.contains(never), "{never} is in the log:\n{text}");
    }
}

#[test]
fn a_start_warns_of_an_expired_certificate_and_a_connection_of_bytes_before_its_tls() {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/tls");
    let pair = [format!("{ours}/chain-expired.pem"), format!("{ours}/key-expired.pem")];
    for header in [&b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"]
    {
        let kaching = Kaching::new();
        let log = kaching.path().join("log");
        let mut command = kaching.command();
        command.stderr(File::create(&log).unwrap());
        let server = Server::of(command, &["--tls-cert", &pair[0], "--tls-key", &pair[1]]);
        let mut stream = TcpStream::connect(server.greeting["listen"].as_str().unwrap()).unwrap();
        stream.write_all(header).unwrap();
        let mut answer = Vec::new();
        // Unread data resets the connection when it is closed.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{answer:?}");
        assert_eq!(server.stop(), 0);
        let text = fs::read_to_string(&log).unwrap();
        let warned = |what: &str, todo: &str| {
            text.lines()
                .filter(|line| line.contains("WARN") && line.contains(what) && line.contains(todo))
                .count()
        };
        assert_eq!(warned("ended on 2021-01-01T00:00:00Z", "renew it"), 1, "{text}");
        assert_eq!(
            warned("begins with a header of the PROXY protocol", "HAProxy: no send-proxy"),
            1,
            "{text}"
        );
    }
}

#[test]
#[cfg(not(feature = "otel"))]
fn traces_are_refused_by_a_binary_without_the_feature() {
    let kaching = Kaching::new();
    let mut command = kaching.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("KACHING_LOG__OTLP", "http://127.0.0.1:4318");
    let said = crate::kaching::Said::of(&command.output().unwrap());
    assert!(said.code == 1 && said.err.contains("--features otel"), "{}", said.err);
    assert!(!kaching.data().exists(), "and nothing was made");
    // A setting of the environment for all programs does not prevent a start.
    let mut command = kaching.command();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    assert_eq!(Server::of(command, &[]).stop(), 0);
}
