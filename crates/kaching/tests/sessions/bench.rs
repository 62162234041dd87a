//! What `kaching bench` prints, and that it leaves nothing behind; never how fast this machine is.

use std::{fs, io::Read as _, path::Path, process::Stdio};

use kaching_private_postgres::{Place, Server};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::kaching::Kaching;

/// A directory on a disk, as far as the build is on one.
const DISK: &str = env!("CARGO_TARGET_TMPDIR");

/// Runs one briefly and gives its document.
fn bench(kaching: &Kaching, directory: &str, arguments: &[&str]) -> Value {
    let mut command = kaching.command();
    command.args(["bench"]).args(arguments).args(["--seconds", "1", "--json"]).env("TMPDIR", directory);
    let done = command.output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn members(row: &Value) -> Vec<&str> {
    row.as_object().unwrap().keys().map(String::as_str).collect()
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name}: {row}"))
}

fn is_sound(row: &Value, name: &str) {
    assert_eq!(
        (&row["name"], &row["connections"], &row["errors"]),
        (&name.into(), &3.into(), &0.into()),
        "{row}"
    );
    assert!(number(row, "rate_per_s") > 0.0, "{row}");
    let [p50, p99, max] = ["p50_ms", "p99_ms", "max_ms"].map(|name| number(row, name));
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{row}");
    // Each of three connections waits for one answer at a time, and half of the answers took the median or longer.
    assert!(number(row, "rate_per_s") <= 2.0 * 3.0 * (1000.0 + max) / p50, "{row}");
}

const MEMBERS: [&str; 9] =
    ["name", "engine", "connections", "rate_per_s", "p50_ms", "p99_ms", "max_ms", "errors", "durable"];

#[test]
fn each_measurement_has_a_row_for_each_engine() {
    let kaching = Kaching::new();
    let server = Server::start(&Place::default()).unwrap();
    let url = server.database().unwrap();
    for (name, more) in [("heartbeat", &["--installations", "12"][..]), ("activate", &[]), ("validate", &[])]
    {
        let line = [&[name, "--connections", "3", "--postgres", &url], more].concat();
        let rows = bench(&kaching, DISK, &line);
        let engines: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["engine"]).collect();
        assert_eq!(engines, ["sqlite", "postgres"], "{rows}");
        for row in rows.as_array().unwrap() {
            is_sound(row, name);
            assert_eq!(row["durable"], true, "{row}");
            let heartbeat = (name == "heartbeat").then_some("ceiling_ratio");
            assert_eq!(members(row), MEMBERS.into_iter().chain(heartbeat).collect::<Vec<_>>());
            assert!(heartbeat.is_none_or(|ratio| number(row, ratio) > 0.0), "{row}");
        }
    }
}

#[test]
fn a_herd_is_served_whole() {
    let kaching = Kaching::new();
    let mut command = kaching.command();
    command
        .args(["bench", "herd", "--clients", "60", "--generators", "2", "--json"])
        .env("TMPDIR", kaching.path());
    let done = command.output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    let settled: Value = serde_json::from_slice(&done.stdout).unwrap();
    let expected = [
        "name",
        "clients",
        "generators",
        "settled_ms",
        "p50_ms",
        "p99_ms",
        "max_ms",
        "shed",
        "rate_limited",
        "broken",
        "retries",
        "refused",
        "unserved",
        "rss_mib",
    ];
    assert_eq!(members(&settled), expected);
    assert_eq!((&settled["clients"], &settled["generators"]), (&60.into(), &2.into()));
    assert_eq!((&settled["refused"], &settled["unserved"]), (&0.into(), &0.into()));
    assert!(0.0 < number(&settled, "p50_ms") && number(&settled, "p50_ms") <= number(&settled, "settled_ms"));
    assert!(number(&settled, "rss_mib") > 0.0, "the server is a process of its own");
    assert_eq!(fs::read_dir(kaching.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn what_needs_no_database_names_none() {
    let kaching = Kaching::new();
    let rows = bench(&kaching, DISK, &["ceiling", "--connections", "3"]);
    is_sound(&rows[0], "ceiling");
    assert_eq!((rows.as_array().unwrap().len(), rows[0].get("engine")), (1, None));
    assert_eq!(rows[0]["durable"], false, "it stores nothing");
    let check = bench(&kaching, DISK, &["check"]);
    assert_eq!(members(&check), ["name", "ns_per_check", "checks", "errors"]);
    assert!(number(&check, "ns_per_check") > 0.0 && number(&check, "checks") > 0.0 && check["errors"] == 0);
}

#[test]
fn what_is_kept_in_memory_is_not_called_durable() {
    let memory = Path::new("/dev/shm");
    assert!(memory.is_dir(), "Linux has a file system in memory");
    let kaching = Kaching::new();
    let server = Server::start(&Place::default()).unwrap();
    let url = server.database().unwrap();
    let line = ["activate", "--connections", "3", "--postgres", &url];
    let rows = bench(&kaching, "/dev/shm", &line);
    assert_eq!(rows[0]["durable"], false);
}

#[test]
fn a_server_that_does_not_answer_is_told() {
    let kaching = Kaching::new();
    let said = kaching.run(&[
        "bench",
        "validate",
        "--seconds",
        "1",
        "--json",
        "--postgres",
        "postgres://u@127.0.0.1:1/x",
    ]);
    assert_eq!(said.code, 1);
    assert!(said.out.is_empty() && said.err.contains("PostgreSQL server"), "{}", said.err);
}

#[test]
fn without_a_server_there_is_a_row_or_a_line_that_says_why_not() {
    let kaching = Kaching::new();
    let mut command = kaching.command();
    // Where the tests run as root, the user of a private PostgreSQL may not enter this directory.
    command.args(["bench", "validate", "--seconds", "1", "--connections", "1", "--json"]);
    let done = command.env("TMPDIR", kaching.path()).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap();
    let said = String::from_utf8_lossy(&done.stderr).contains("PostgreSQL is not measured: ");
    assert!(done.status.success() && rows[0]["engine"] == "sqlite");
    assert_eq!(rows.len() == 1, said, "{rows:?}");
}

#[test]
fn a_terminal_sees_how_far_it_is_and_no_trace_of_it_in_the_end() {
    let kaching = Kaching::new();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = fs::File::options().read(true).write(true).open(name).unwrap();
    let mut command = kaching.command();
    command.args(["bench", "check", "--seconds", "1", "--json"]).env("TMPDIR", DISK);
    let done = command.stdout(Stdio::piped()).stderr(screen).spawn().unwrap().wait_with_output().unwrap();
    // What holds the other end of the terminal is gone with the command: then reading it ends, with an error.
    drop(command);
    let mut seen = Vec::new();
    let _ = fs::File::from(terminal).read_to_end(&mut seen);
    let seen = String::from_utf8(seen).unwrap();
    assert!(done.status.success() && seen.contains("a temporary authority starts"), "{seen:?}");
    assert!(seen.ends_with("\r\u{1b}[2K") && !seen.contains('\n'), "{seen:?}");
}

#[test]
fn an_interrupted_one_leaves_nothing_behind() {
    let kaching = Kaching::new();
    let entries = || fs::read_dir(kaching.path()).unwrap().count();
    let mut command = kaching.command();
    command.args(["bench", "ceiling", "--seconds", "60"]).env("TMPDIR", kaching.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while entries() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&done.stderr), "error: Interrupted: nothing was measured.\n");
    assert_eq!(entries(), 0);
}
