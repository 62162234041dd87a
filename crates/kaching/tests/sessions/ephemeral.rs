//! `serve --ephemeral`: one line, sample data, a moved clock, and an end that leaves nothing behind.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, SystemTime},
};

use kaching_authority::{Clock as _, SystemClock};
use kaching_base::{Seconds, Timestamp};
use serde_json::{Value, json};

use crate::{
    kaching::{Kaching, Said},
    serve::ask,
};

/// A server for tests, killed when this is dropped.
struct Ephemeral {
    child: Child,
    out: BufReader<ChildStdout>,
    ready: Value,
}

impl Ephemeral {
    fn start(kaching: &Kaching, arguments: &[&str]) -> Self {
        let mut command = command(kaching);
        command.args(["serve", "--ephemeral"]).args(arguments);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, out, ready }
    }

    /// Sends a request of a product.
    fn post(&self, path: &str, body: &Value) -> Value {
        let address = self.ready["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        ask(address, "POST", "", path, &body.to_string())
    }

    /// Activates the license of a plan, and returns the answer.
    fn activate(&self, plan: &str, kind: &str) -> Value {
        let product = plan.split(':').next().unwrap();
        let body = json!({
            "license_key": self.ready["keys"][plan], "product": product, "fingerprint": "test-1", "kind": kind,
            "nonce": "nonce-of-a-test-of-a-product",
        });
        self.post("/v1/activate", &body)
    }

    /// Runs an operator's command against it.
    fn operator(&self, kaching: &Kaching, arguments: &[&str]) -> Value {
        let [url, token] = ["url", "token"].map(|name| self.ready[name].as_str().unwrap());
        kaching.json(&[arguments, &["--server", url, "--token", token]].concat())
    }

    /// Waits until nobody holds its standard output any more, and returns what it printed behind its line.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Waits for its end, and returns its exit code. The line was the only one.
    fn ended(mut self) -> i32 {
        assert_eq!(self.rest(), "");
        self.child.wait().unwrap().code().expect("it ended without a signal")
    }
}

impl Drop for Ephemeral {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command with a place for temporary files, and a data directory in its environment, which it is to ignore.
fn command(kaching: &Kaching) -> Command {
    let mut command = kaching.command();
    fs::create_dir_all(temporary(kaching)).unwrap();
    command.env("TMPDIR", temporary(kaching)).env("KACHING_DATABASE__URL", "postgres://nowhere");
    command
}

fn temporary(kaching: &Kaching) -> PathBuf {
    kaching.path().join("temporary")
}

/// Returns the directories of servers that live, or were killed.
fn directories(kaching: &Kaching) -> Vec<PathBuf> {
    fs::read_dir(temporary(kaching)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn it_prints_one_line_and_leaves_nothing() {
    let kaching = Kaching::new();
    let mut server = Ephemeral::start(&kaching, &[]);
    let names: Vec<_> = server.ready.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["url", "root", "token", "pid"]);
    assert_eq!(server.ready["pid"], server.child.id());
    assert_eq!(server.operator(&kaching, &["stats"])["total"], 0);
    assert_eq!(directories(&kaching).len(), 1);
    // A test that ends, in any way, closes the pipe.
    drop(server.child.stdin.take());
    assert_eq!(server.ended(), 0);
    assert!(directories(&kaching).is_empty() && !kaching.data().exists());

    let server = Ephemeral::start(&kaching, &["--seed", "--json"]);
    let process = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.ended(), 0);
    assert!(directories(&kaching).is_empty() && !kaching.data().exists());
}

#[test]
fn it_has_a_license_for_each_plan_of_the_sample_data() {
    let kaching = Kaching::new();
    let server = Ephemeral::start(&kaching, &["--seed"]);
    let plans = server.operator(&kaching, &["plan", "list"]);
    let plans = plans["items"].as_array().unwrap();
    let keys = server.ready["keys"].as_object().unwrap();
    assert_eq!(keys.len(), plans.len());
    for plan in plans {
        let name = format!("{}:{}", plan["product"].as_str().unwrap(), plan["code"].as_str().unwrap());
        let license = server.operator(&kaching, &["license", "show", keys[&name].as_str().unwrap()]);
        let used =
            server.operator(&kaching, &["activation", "list", "--license", license["id"].as_str().unwrap()]);
        assert_eq!(used["items"], json!([]), "{name}");
    }
    assert!(server.activate("chorus:team", "cluster")["lease"].is_string());
    let key = keys["chorus:team"].as_str().unwrap();
    server.operator(&kaching, &["license", "suspend", key, "--reason", "unpaid"]);
    assert_eq!(server.activate("chorus:team", "cluster")["code"], "license_suspended");
    // No rate of calls stops a test.
    let states = (0..100).map(|_| server.activate("caio:standard", "instance"));
    assert!(states.into_iter().all(|answer| answer["lease"].is_string()));
}

#[test]
fn it_ends_with_its_parent_without_a_pipe() {
    let kaching = Kaching::new();
    let mut shell = Command::new("sh");
    shell.env_clear().env("TMPDIR", temporary(&kaching));
    fs::create_dir_all(temporary(&kaching)).unwrap();
    // A shell gives what runs in the background /dev/null as its standard input.
    shell.args(["-c", "\"$0\" serve --ephemeral & read line", env!("CARGO_BIN_EXE_kaching")]);
    let mut shell = Ephemeral::of(shell);
    assert_eq!(shell.post("/v1/validate", &json!({}))["code"], "invalid_request", "it serves");
    shell.child.kill().unwrap();
    assert_eq!(shell.rest(), "");
    assert!(directories(&kaching).is_empty());
}

#[test]
fn a_killed_one_is_cleared_away_by_the_next() {
    let kaching = Kaching::new();
    drop(Ephemeral::start(&kaching, &[]));
    let left = directories(&kaching);
    assert_eq!(left.len(), 1);
    let hours_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::open(&left[0]).unwrap().set_modified(hours_ago).unwrap();
    let second = Ephemeral::start(&kaching, &[]);
    let third = Ephemeral::start(&kaching, &[]);
    assert!(!left[0].exists() && directories(&kaching).len() == 2, "only the directories of those that run");
    drop((second, third));
}

#[test]
fn its_clock_can_be_moved() {
    let days = |days: i64| Seconds::days(days);
    let near = |text: &Value, offset: Seconds| {
        let time: Timestamp = text.as_str().unwrap().parse().unwrap();
        let expected = SystemClock.now() + offset;
        assert!(expected.since(time).0.abs() < 300, "{time}, not {expected}");
    };
    let kaching = Kaching::new();
    let server = Ephemeral::start(&kaching, &["--seed", "--clock-offset", "+40d"]);
    assert_eq!(server.activate("caio:trial", "instance")["code"], "license_expired");
    let active = server.activate("chorus:team", "cluster");
    near(&active["activation"]["activated_at"], days(40));
    let made = server
        .operator(&kaching, &["license", "show", server.ready["keys"]["chorus:team"].as_str().unwrap()]);
    near(&made["created_at"], days(0));

    let server = Ephemeral::start(&kaching, &["--seed", "--clock-offset", "-1h"]);
    near(&server.activate("caio:trial", "instance")["activation"]["activated_at"], Seconds(-3600));
    // The keys of the first day have ended long ago.
    let server = Ephemeral::start(&kaching, &["--seed", "--clock-offset=+1500d"]);
    near(&server.activate("caio:perpetual", "instance")["activation"]["activated_at"], days(1500));
    let doctor = server.operator(&kaching, &["doctor"]);
    let failed = doctor.as_array().unwrap().iter().find(|check| check["status"] == "fail");
    assert!(failed.is_none(), "{failed:?}");
}

#[test]
fn flags_that_contradict_it_are_wrong_usage() {
    let kaching = Kaching::new();
    for (line, advice) in [
        ("--ephemeral --data x", "leave out one"),
        ("--ephemeral --database postgres://x", "leave out one"),
        ("--ephemeral --clock-offset soon", "+40d"),
        ("--clock-offset +1d", "only for --ephemeral"),
        ("--seed", "kaching seed"),
    ] {
        let arguments = [&["serve"], line.split(' ').collect::<Vec<_>>().as_slice()].concat();
        let said = Said::of(&command(&kaching).args(arguments).output().unwrap());
        assert!(said.code == 2 && said.out.is_empty(), "{line}: {}", said.err);
        assert!(said.err.contains(advice), "{line}: {}", said.err);
    }
    assert!(directories(&kaching).is_empty() && !kaching.data().exists());
}
