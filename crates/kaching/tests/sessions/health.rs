//! `kaching health`, as container platforms and scripts ask it.

use kaching_private_postgres as postgres;
use serde_json::Value;

use crate::{kaching::Kaching, serve::Server};

#[test]
fn a_server_is_ready_until_it_ends() {
    let kaching = Kaching::new();
    let none = kaching.run(&["health"]);
    assert_eq!(none.code, 3, "{}", none.err);
    assert!(none.err.contains("No server runs on") && !kaching.data().exists(), "{}", none.err);

    // Data alone is not a server: the command opens nothing, so it does not hold the lock that a server needs.
    kaching.with_license();
    assert_eq!(kaching.run(&["health"]).code, 3);

    let server = Server::start(&kaching, &[]);
    let ready = kaching.run(&["health"]);
    assert_eq!(ready.code, 0, "{}", ready.err);
    assert_eq!(ready.out, format!("The authority is ready: version {}.\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(kaching.json(&["health"])["status"], "ok");

    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let remote = Kaching::new();
    assert_eq!(remote.run(&["health", "--server", &url]).code, 0, "without a token, over the network");
    assert_eq!(server.stop(), 0);
    let gone = remote.run(&["health", "--server", &url, "--json"]);
    assert_eq!(gone.code, 3, "{}", gone.err);
    assert_eq!(serde_json::from_str::<Value>(&gone.err).unwrap()["code"], "unreached");
    assert_eq!(kaching.run(&["health"]).code, 3);
}

/// It sends no token, so a server in the same network may be asked without TLS.
#[test]
fn no_token_of_the_environment_is_read_or_sent() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    let mut command = kaching.command();
    command.args(["health", "--server", &format!("http://{}", server.greeting["listen"].as_str().unwrap())]);
    command.env("KACHING_TOKEN_FILE", "/nowhere");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_server_without_its_database_says_so() {
    let kaching = Kaching::new();
    let database = postgres::Server::start(&postgres::Place::default()).unwrap();
    let mut command = kaching.command();
    command.env("KACHING_DATABASE__URL", database.database().unwrap()).env("KACHING_SERVER__LEAVE_S", "0");
    let server = Server::of(command, &[]);
    assert_eq!(kaching.run(&["health"]).code, 0);
    database.stop().unwrap();
    let said = kaching.run(&["health"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.out.is_empty() && said.err.contains("database"), "{}", said.err);
    database.restart().unwrap();
    assert_eq!(server.stop(), 0);
}
