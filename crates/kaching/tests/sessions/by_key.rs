//! Licenses by their keys, which no URL contains.

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::{edits::read_message, kaching::Kaching, serve::Server};

/// Forwards requests to a server, and records their first lines, as the log of a proxy does.
struct Logging {
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Logging {
    fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (server, lines) = (server.to_owned(), Arc::<Mutex<Vec<String>>>::default());
        let log = Arc::clone(&lines);
        // Ends with the process of the test.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, server, log) = (client.unwrap(), server.clone(), Arc::clone(&log));
                thread::spawn(move || {
                    let mut server = TcpStream::connect(&server).unwrap();
                    while client.peek(&mut [0]).is_ok_and(|bytes| bytes > 0) {
                        let request = read_message(&mut client);
                        let line = request.split(|byte| *byte == b'\r').next().unwrap();
                        log.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
                        server.write_all(&request).unwrap();
                        client.write_all(&read_message(&mut server)).unwrap();
                    }
                });
            }
        });
        Self { url, lines }
    }
}

#[test]
fn every_command_finds_a_license_by_its_key_and_sends_no_key_in_a_url() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let (id, key) = (license["id"].as_str().unwrap(), license["key"].as_str().unwrap());
    let plan = ["plan", "create", "--product", "chorus", "--code", "big", "--name", "Big", "--days", "365"];
    kaching.json(&plan);
    kaching.json(&["customer", "create", "--name", "Bolt", "--reference", "CUST-002"]);
    let server = Server::start(&kaching, &[]);
    let logging = Logging::before(server.greeting["listen"].as_str().unwrap());
    let token = server.greeting["first_token"].as_str().unwrap();
    let far = ["--server", &logging.url, "--token-file", token];

    for line in [
        "license show KEY",
        "license edit KEY --tag x",
        "license tag KEY --remove x",
        "license suspend KEY --reason x",
        "license reinstate KEY",
        "license upgrade KEY --plan big",
        "license renew KEY",
        "license transfer KEY --customer CUST-002",
    ] {
        let line = line.replace("KEY", key);
        let arguments: Vec<_> = line.split(' ').chain(far).collect();
        assert_eq!(kaching.json(&arguments)["id"], id, "{line}");
    }
    assert_eq!(kaching.json(&[&["license", "key", key][..], &far].concat())["key"], key);
    let list = kaching.json(&[&["activation", "list", "--license", key][..], &far].concat());
    assert!(list["items"].as_array().unwrap().is_empty());
    let list = kaching.json(&[&["activation", "list", "--search", key][..], &far].concat());
    assert!(list["items"].as_array().unwrap().is_empty());
    let list = kaching.json(&[&["audit", "list", "--license", key][..], &far].concat());
    assert!(list["items"].as_array().unwrap().iter().any(|entry| entry["target"] == id));
    let pasted = format!("“{}”", key.replace('-', "–"));
    for search in [key, &pasted] {
        let found = kaching.json(&[&["license", "list", "--search", search][..], &far].concat());
        assert_eq!((&found["items"][0]["id"], found["items"].as_array().unwrap().len()), (&license["id"], 1));
    }
    let read = kaching.run_with(format!("{key}\n").as_bytes(), &["license", "show", "-", "--json"]);
    assert!(read.code == 0 && read.out.contains(id), "{}", read.err);

    // The check symbol shows that it is mistyped, and it is not in the URL either.
    let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    let said = kaching.run(&[&["license", "show", &mistyped][..], &far].concat());
    assert!(said.code == 1 && said.err.contains("is not a license key"), "{}", said.err);
    for line in ["customer list --search", "audit list --target", "customer show", "activation show"] {
        let line = format!("{line} {key}");
        let said = kaching.run(&line.split(' ').chain(far).collect::<Vec<_>>());
        assert!(said.code == 2 && said.err.contains("`kaching license show KEY`"), "{line}: {}", said.err);
        assert!(!said.err.contains(key), "{line}: {}", said.err);
    }
    for line in ["license rekey", "license revoke --yes", "license delete --yes"] {
        let line = format!("{line} {key}");
        // A key that was replaced finds no license.
        let expected = if line.contains("rekey") { 0 } else { 1 };
        let said = kaching.run(&line.split(' ').chain(far).collect::<Vec<_>>());
        assert_eq!(said.code, expected, "{line}: {}", said.err);
    }
    assert_eq!(server.stop(), 0);

    let lines = logging.lines.lock().unwrap();
    assert!(lines.len() > 20, "{lines:?}");
    let secret = key.strip_prefix("CHORUS-").unwrap();
    let leaked = lines.iter().find(|line| line.contains(&secret[..secret.len() - 1]));
    assert!(leaked.is_none(), "{leaked:?}");
}
