//! Changes that are concurrent, that remove something, or whose answer is lost.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{kaching::Kaching, serve::Server};

#[test]
fn twenty_concurrent_commands_lose_no_tag() {
    let kaching = Kaching::new();
    let id = kaching.with_license()["id"].as_str().unwrap().to_owned();
    kaching.json(&["license", "edit", &id, "--tag", "first", "--bind", "cluster=first"]);
    let server = Server::start(&kaching, &[]);
    thread::scope(|scope| {
        for number in 0..20 {
            let (kaching, id) = (&kaching, &id);
            scope.spawn(move || {
                let (tag, bind) = (format!("tag-{number}"), format!("cluster=c-{number}"));
                let said = kaching.run(&["license", "edit", id, "--tag", &tag, "--bind", &bind]);
                assert_eq!(said.code, 0, "{}", said.err);
            });
        }
    });
    kaching.json(&["license", "edit", &id, "--untag", "first", "--unbind", "cluster=first"]);
    let license = kaching.json(&["license", "show", &id]);
    assert_eq!(license["tags"].as_array().unwrap().len(), 20);
    assert_eq!(license["bindings"].as_array().unwrap().len(), 20);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_command_whose_answer_is_lost_is_repeated_with_the_effect_of_one() {
    let kaching = Kaching::new();
    kaching.with_license();
    let server = Server::start(&kaching, &[]);
    let token = server.greeting["first_token"].as_str().unwrap().to_owned();
    let losing = Losing::before(server.greeting["listen"].as_str().unwrap(), 2);
    let create = ["customer", "create", "--name", "Bolt", "--reference", "CUST-002"];
    let far = ["--server", &losing.url, "--token-file", &token];
    let made = kaching.json(&[&create[..], &far].concat());
    assert_eq!(made["reference"], "CUST-002");
    assert_eq!(losing.requests(), 3, "two answers were lost");
    // Without the key of the command, the second attempt would have found the reference taken.
    let list = kaching.json(&["customer", "list"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    // Another command is another change, even with the same arguments.
    let again = kaching.run(&[&create[..], &far].concat());
    assert!(again.code == 1 && again.err.contains("already_exists"), "{}", again.err);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_renewal_prints_the_end_before_and_the_removed_terms() {
    let mut kaching = Kaching::new();
    let id = kaching.with_license()["id"].as_str().unwrap().to_owned();
    kaching.json(&["plan", "edit", "chorus:team", "--limit", "nodes=5"]);
    kaching.record(&format!("license renew {id} --days 30"));
    kaching.record(&format!("license renew {id} --expires 2026-12-01"));
    kaching.json(&["plan", "edit", "chorus:team", "--without-limit", "nodes", "--limit", "jobs=10/day"]);
    kaching.record("plan apply chorus:team --to all");
    kaching.compare("renewed.txt");
}

#[test]
fn a_customer_with_licenses_is_archived_only_after_a_question() {
    let kaching = Kaching::new();
    kaching.with_license();
    for (noun, address) in [("customer", "CUST-001"), ("plan", "chorus:team"), ("product", "chorus")] {
        let asked = kaching.run(&[noun, "archive", address]);
        assert_eq!(asked.code, 2, "{noun}: {}", asked.err);
        assert!(asked.err.contains("1 license") && asked.err.contains("--yes"), "{}", asked.err);
    }
    assert!(kaching.json(&["customer", "show", "CUST-001"])["archived_at"].is_null());
    let archived = kaching.json(&["customer", "archive", "CUST-001", "--yes"]);
    assert!(!archived["archived_at"].is_null());
    let taken = kaching.run(&["customer", "create", "--name", "x", "--reference", "CUST-001"]);
    let id = archived["id"].as_str().unwrap();
    assert!(taken.code == 1 && taken.err.contains("archived") && taken.err.contains(id), "{}", taken.err);
    // A customer without licenses is archived without a confirmation.
    kaching.json(&["customer", "create", "--name", "Unused", "--reference", "CUST-002"]);
    kaching.json(&["customer", "archive", "CUST-002"]);
}

#[test]
fn sample_data_is_created_only_without_other_data() {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    kaching.json(&["seed"]);
    kaching.json(&["customer", "create", "--name", "Real", "--reference", "REAL-1"]);
    let refused = kaching.run(&["seed"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("--yes") && refused.err.contains("cus_"), "{}", refused.err);
    kaching.json(&["seed", "--yes"]);

    let other = Kaching::new();
    other.with_license();
    let refused = other.run(&["seed"]);
    assert!(refused.code == 1 && refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(other.json(&["product", "list"])["items"].as_array().unwrap().len(), 1, "nothing was made");
}

#[test]
fn the_greeting_recommends_sample_data_only_to_an_empty_authority() {
    let kaching = Kaching::new();
    let banner = || {
        let mut command = kaching.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let mut said = Vec::new();
        let mut out = child.stdout.take().unwrap();
        while !String::from_utf8_lossy(&said).contains("Ctrl-C") {
            let mut piece = [0; 4096];
            let read = out.read(&mut piece).unwrap();
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&said));
            said.extend(&piece[..read]);
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap();
        String::from_utf8(said).unwrap()
    };
    assert!(banner().contains("kaching seed"));
    kaching.json(&["customer", "create", "--name", "Real", "--reference", "REAL-1"]);
    kaching.json(&["customer", "archive", "REAL-1"]);
    let banner = banner();
    assert!(!banner.contains("seed") && banner.contains("kaching doctor"), "{banner}");
}

/// Forwards requests to a server, and drops the first answers.
struct Losing {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Losing {
    fn before(server: &str, lost: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (server, requests) = (server.to_owned(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&requests);
        // Ends with the process of the test.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let request = read_message(&mut client);
                server.write_all(&request).unwrap();
                let answer = read_message(&mut server);
                if counted.fetch_add(1, Ordering::SeqCst) >= lost {
                    client.write_all(&answer).unwrap();
                }
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Reads a head and its body.
pub(crate) fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&message).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.trim().parse::<usize>().unwrap()) {
                return message;
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "it ended within a message");
        message.extend(&piece[..read]);
    }
}

#[test]
fn values_of_lists_are_added_and_removed_for_every_noun() {
    let kaching = Kaching::new();
    let id = kaching.with_license()["id"].as_str().unwrap().to_owned();
    for code in ["a", "b"] {
        kaching.json(&["feature", "create", "--product", "chorus", "--code", code, "--title", code]);
    }
    let cases: [(&str, &str, &str, [&str; 2], &str); 8] = [
        ("customer", "CUST-001", "tag", ["a", "b"], "/tags"),
        ("license", &id, "tag", ["a", "b"], "/tags"),
        ("license", &id, "feature", ["a", "b"], "/features"),
        ("license", &id, "keep", ["a", "b"], "/lease_policy/keep"),
        ("license", &id, "kind", ["cluster", "device"], "/lease_policy/kinds"),
        ("plan", "chorus:team", "feature", ["a", "b"], "/features"),
        ("plan", "chorus:team", "keep", ["a", "b"], "/lease_policy/keep"),
        ("plan", "chorus:team", "kind", ["cluster", "device"], "/lease_policy/kinds"),
    ];
    for (noun, address, list, [one, two], place) in cases {
        let add = format!("--{list}");
        let remove = if list == "tag" { "--untag".to_owned() } else { format!("--without-{list}") };
        let edit = |flag: &str, value: &str| -> Value {
            kaching.json(&[noun, "edit", address, flag, value]).pointer(place).unwrap().clone()
        };
        assert_eq!(edit(&add, one), json!([one]), "{noun} {list}");
        assert_eq!(edit(&add, two), json!([one, two]), "{noun} {list}: what is added replaces nothing");
        assert_eq!(edit(&remove, one), json!([two]), "{noun} {list}");
    }
}
