//! The server as a process: its output, its callers, its end, and reasons not to start.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::kaching::{Kaching, Said};

/// A serving process, which is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Its greeting.
    pub(crate) greeting: Value,
}

impl Server {
    pub(crate) fn start(kaching: &Kaching, arguments: &[&str]) -> Self {
        Self::at(kaching, "127.0.0.1:0", arguments)
    }

    pub(crate) fn at(kaching: &Kaching, listen: &str, arguments: &[&str]) -> Self {
        let mut command = kaching.command();
        command.stderr(Stdio::null());
        // A test sends in seconds the calls of hours.
        for limit in ["ACTIVATION_PER_SECOND", "LICENSE_PER_SECOND"] {
            command.env(format!("KACHING_LIMITS__{limit}"), "0");
        }
        Self::listening(command, listen, arguments)
    }

    /// Starts a server, with changes to its command.
    pub(crate) fn of(command: Command, arguments: &[&str]) -> Self {
        Self::listening(command, "127.0.0.1:0", arguments)
    }

    fn listening(mut command: Command, listen: &str, arguments: &[&str]) -> Self {
        command.args(["serve", "--listen", listen, "--json"]).args(arguments);
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut server = Self { child, greeting: Value::Null };
        let mut text = String::new();
        for line in BufReader::new(server.child.stdout.take().unwrap()).lines() {
            text.push_str(&line.unwrap());
            if let Ok(greeting) = serde_json::from_str(&text) {
                server.greeting = greeting;
                return server;
            }
        }
        panic!("it ended before it served: {text}");
    }

    /// Sends a request of a product over the network.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.post_as("", path, &body.to_string())
    }

    /// Sends the same with more headers, each preceded by its end of line.
    pub(crate) fn post_as(&self, headers: &str, path: &str, body: &str) -> Value {
        self.ask("POST", headers, path, body)
    }

    pub(crate) fn get_as(&self, headers: &str, path: &str) -> Value {
        self.ask("GET", headers, path, "")
    }

    fn ask(&self, method: &str, headers: &str, path: &str, body: &str) -> Value {
        ask(self.greeting["listen"].as_str().unwrap(), method, headers, path, body)
    }

    /// Returns its memory in MiB.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// Stops it with SIGTERM, as an init system does, and waits.
    pub(crate) fn stop(mut self) -> i32 {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code().expect("it ended without a signal")
    }
}

/// Sends a request to this address, and returns the JSON of its answer.
pub(crate) fn ask(address: &str, method: &str, headers: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json");
    write!(stream, "{head}{headers}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(said: &Said, what: &str) {
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains(what) && said.err.lines().count() == 1, "{}", said.err);
}

#[test]
fn serves_the_socket_and_the_network_until_a_signal() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    assert_eq!(fs::metadata(kaching.data()).unwrap().permissions().mode() & 0o777, 0o700);
    let made = kaching.with_license();
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let token = server.greeting["first_token"].as_str().unwrap().to_owned();
    let remote = Kaching::new();
    let seen = remote.json(&["license", "list", "--server", &url, "--token-file", &token]);
    assert_eq!(seen["items"][0]["id"], made["id"], "one authority, over the socket and over the network");
    let stranger = remote.run(&["license", "list", "--server", &url, "--token", "kch_wrong"]);
    assert_eq!(stranger.code, 1, "{}", stranger.err);
    assert_eq!(server.stop(), 0);
    assert!(!kaching.data().join("kaching.sock").exists());
    assert_eq!(
        kaching.json(&["license", "list"])["items"][0]["id"],
        made["id"],
        "in process, what was served"
    );
}

#[test]
fn a_socket_of_a_killed_server_does_not_prevent_a_start() {
    let kaching = Kaching::new();
    drop(Server::start(&kaching, &[]));
    assert!(kaching.data().join("kaching.sock").exists());
    kaching.json(&["stats"]);
    assert_eq!(Server::start(&kaching, &[]).stop(), 0);
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    refused(&kaching.run(&["serve", "--listen", "127.0.0.1:0"]), "owns");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_port_in_use_creates_no_files() {
    let kaching = Kaching::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&kaching.run(&["serve", "--listen", &address]), "in use");
    assert!(!kaching.data().join("kaching.db").exists());
}

#[test]
fn a_wrong_file_is_reported_in_a_sentence() {
    let kaching = Kaching::new();
    kaching.with_license();
    let data = kaching.data();
    let serve = ["serve", "--listen", "127.0.0.1:0"];

    let key = data.join("master.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&kaching.run(&serve), "chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    let right = fs::read_to_string(&key).unwrap();
    fs::write(&key, format!("{}\n", "A".repeat(43))).unwrap();
    refused(&kaching.run(&serve), "master key");
    fs::write(&key, "nonsense\n").unwrap();
    refused(&kaching.run(&serve), "master.key");
    fs::write(&key, right).unwrap();

    fs::write(data.join("config.toml"), "[server]\nlisten_on = 1\n").unwrap();
    refused(&kaching.run(&serve), "listen_on");
    fs::remove_file(data.join("config.toml")).unwrap();

    assert_eq!(Server::start(&kaching, &[]).stop(), 0, "and nothing was half done");

    fs::write(data.join("kaching.db"), "this is no database, and was never one".repeat(100)).unwrap();
    refused(&kaching.run(&serve), "database");
    fs::remove_file(data.join("kaching.db")).unwrap();
    refused(&kaching.run(&serve), "kaching.db is missing");
    assert!(!data.join("kaching.db").exists(), "a lost database is not replaced by an empty one");
}

#[test]
fn flags_override_the_environment_and_secrets_stay_hidden() {
    let kaching = Kaching::new();
    let said = kaching
        .command()
        .args(["config", "show", "--json"])
        .env("KACHING_KEYS__MASTER", "s".repeat(43))
        .output();
    let shown = String::from_utf8(said.unwrap().stdout).unwrap();
    assert!(!shown.contains("sss"), "{shown}");
    let server = Server::start(&kaching, &["--public-url", "https://licenses.example.com"]);
    assert_eq!(server.greeting["public_url"], json!("https://licenses.example.com"));
    assert_eq!(server.stop(), 0);
}

#[test]
fn the_issuer_stays_until_it_is_changed_on_purpose() {
    let kaching = Kaching::new();
    let issuer = |server: &Server| server.greeting["issuer"].as_str().unwrap().to_owned();
    let first = Server::start(&kaching, &[]);
    let default = issuer(&first);
    assert_eq!(first.stop(), 0);
    let second = Server::start(&kaching, &[]);
    assert_eq!(issuer(&second), default, "another port changes nothing");
    assert_ne!(second.greeting["public_url"], json!(default));
    assert_eq!(second.stop(), 0);

    let ours = "https://licenses.example.com";
    let named = |url: &'static str| ["serve", "--listen", "127.0.0.1:0", "--public-url", url];
    let server = Server::start(&kaching, &["--public-url", ours]);
    assert_eq!(issuer(&server), ours, "the first that is named takes the place of a default");
    assert_eq!(server.stop(), 0);
    refused(
        &kaching.run(&named("https://moved.example.com")),
        "kaching key issuer https://moved.example.com",
    );
    let changed = kaching.run(&["key", "issuer", "https://moved.example.com/"]);
    assert_eq!(changed.code, 0, "{}", changed.err);
    assert!(changed.out.contains("no longer for https://licenses.example.com"), "{}", changed.out);
    refused(&kaching.run(&named(ours)), "speaks for https://moved.example.com");
    refused(&kaching.run(&["key", "issuer", "moved"]), "not a URL");
    refused(&kaching.run(&["clock", "accept"]), "nothing to accept");
}

#[test]
fn a_database_password_is_not_shown() {
    let kaching = Kaching::new();
    let nowhere = "postgresql://kaching:hunter2@127.0.0.1:1/kaching?connect_timeout=1";
    let serve = |database: &str| kaching.run(&["serve", "--listen", "127.0.0.1:0", "--database", database]);
    let said = serve(nowhere);
    assert!(
        said.err.contains("can read the password in --database") && said.err.contains("@FILE"),
        "{}",
        said.err
    );
    assert!(said.code == 1 && !format!("{}{}", said.out, said.err).contains("hunter2"), "{}", said.err);

    let file = kaching.path().join("address");
    fs::write(&file, format!("{nowhere}\n")).unwrap();
    let named = format!("@{}", file.display());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(serve(&named).err.contains(&format!("chmod 600 {}", file.display())));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    refused(&serve(&named), "127.0.0.1:1: ");
    let mut command = kaching.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("KACHING_DATABASE__URL_FILE", &file);
    refused(&Said::of(&command.output().unwrap()), "127.0.0.1:1: ");
    assert_eq!(serve("@/nowhere/address").code, 2);
}

#[test]
fn a_server_behind_a_balancer_reports_that_it_stops() {
    let kaching = Kaching::new();
    let url = kaching_testkit::postgres();
    let server = Server::start(&kaching, &["--database", &url]);
    let ready = || {
        let mut stream = TcpStream::connect(server.greeting["listen"].as_str().unwrap()).unwrap();
        write!(stream, "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        // While it stops, each answer closes its connection.
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    };
    assert!(ready().starts_with("HTTP/1.1 200"));
    let process = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    while ready().starts_with("HTTP/1.1 200") {}
    assert!(ready().starts_with("HTTP/1.1 503"));
    // A second signal ends the wait.
    assert_eq!(server.stop(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_serving_process_leaves_no_core_dump() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
}

#[test]
fn a_stolen_signing_key_is_withdrawn_by_one_command() {
    let kaching = Kaching::new();
    let _server = Server::start(&kaching, &[]);
    let kids = || {
        let keys = kaching.json(&["key", "list"]);
        let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
        keys["items"].as_array().unwrap().iter().map(kid).collect::<Vec<_>>()
    };
    let stolen = kids().remove(0);
    let said = kaching.run(&["key", "withdraw", &stolen]);
    assert_eq!(said.code, 0, "{}", said.err);
    let now = kids();
    assert!(now.len() == 1 && now[0] != stolen && said.out.contains(&now[0]), "{}", said.out);
    let again = kaching.run(&["key", "withdraw", &stolen]);
    assert!(again.code == 1 && again.err.contains("kaching key list"), "{}", again.err);
}

#[test]
fn the_version_names_the_commit() {
    for flag in ["--version", "-V"] {
        let said = Kaching::new().run(&[flag]);
        let version = said.out.trim_end().strip_prefix(concat!("kaching ", env!("CARGO_PKG_VERSION"), " ("));
        let built_from = version.unwrap().strip_suffix(')').unwrap();
        let (hash, date) = built_from.split_once(' ').unwrap();
        let is_hash = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_date = date.len() == 10 && date.split('-').all(|part| part.parse::<u16>().is_ok());
        assert!(built_from == "without a commit" || is_hash && is_date, "{}", said.out);
    }
}
