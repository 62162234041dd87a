//! The output of `kaching bench`, which leaves nothing behind. No test depends on the speed of the machine.

use std::{fs, io::Read as _, path::Path, process::Stdio};

use kaching_private_postgres::{Place, Server};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::kaching::Kaching;

/// A directory on the disk of the build.
const DISK: &str = env!("CARGO_TARGET_TMPDIR");

/// Runs a measurement, and returns its rows.
fn bench(kaching: &Kaching, directory: &str, arguments: &[&str]) -> Vec<Value> {
    let mut command = kaching.command();
    command.args(["bench"]).args(arguments).args(["--json"]).env("TMPDIR", directory);
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

/// Asserts that the percentiles are in order.
fn takes_time(row: &Value) {
    assert_eq!(row["errors"], 0, "{row}");
    let [p50, p99, p999, max] = ["p50_ms", "p99_ms", "p999_ms", "max_ms"].map(|name| number(row, name));
    assert!(0.0 < p50 && p50 <= p99 && p99 <= p999 && p999 <= max, "{row}");
}

fn is_sound(row: &Value, name: &str) {
    assert_eq!((&row["name"], &row["connections"]), (&name.into(), &3.into()), "{row}");
    takes_time(row);
    let [rate, p50, max] = ["rate_per_s", "p50_ms", "max_ms"].map(|name| number(row, name));
    // Each of three connections waits for one answer at a time, and half of the answers took the median or longer.
    assert!(0.0 < rate && rate <= 2.0 * 3.0 * (1000.0 + max) / p50, "{row}");
}

const LOAD: [&str; 12] = [
    "name",
    "engine",
    "loop",
    "connections",
    "rate_per_s",
    "p50_ms",
    "p99_ms",
    "p999_ms",
    "max_ms",
    "errors",
    "shed",
    "durable",
];

#[test]
fn each_measurement_has_a_row_for_each_engine() {
    let kaching = Kaching::new();
    let server = Server::start(&Place::default()).unwrap();
    let url = server.database().unwrap();
    for (name, more) in [("heartbeat", &["--installations", "12"][..]), ("activate", &[]), ("validate", &[])]
    {
        let line = [&[name, "--connections", "3", "--seconds", "1", "--postgres", &url], more].concat();
        let rows = bench(&kaching, DISK, &line);
        let engines: Vec<&Value> = rows.iter().map(|row| &row["engine"]).collect();
        // Validations have rows for 1, 100 and 1,000 installations on a license.
        let each = if name == "validate" { 3 } else { 1 };
        let expected: Vec<_> =
            ["sqlite", "postgres"].into_iter().flat_map(|engine| vec![engine; each]).collect();
        assert_eq!(engines, expected, "{rows:?}");
        for row in &rows {
            is_sound(row, name);
            assert_eq!((&row["durable"], &row["loop"]), (&true.into(), &"closed".into()), "{row}");
            assert!(number(row, "rss_mib") > 1.0, "{row}");
            let heartbeat = (name == "heartbeat").then_some("ceiling_ratio");
            let of = (name == "validate").then_some("of");
            let (what, how) = LOAD.split_at(2);
            let expected = what.iter().copied().chain(of).chain(how.iter().copied()).chain(["rss_mib"]);
            let expected = expected.chain(heartbeat);
            assert_eq!(members(row), expected.collect::<Vec<_>>());
            assert!(heartbeat.is_none_or(|ratio| number(row, ratio) > 0.0), "{row}");
        }
    }
}

#[test]
fn an_open_loop_sends_at_its_rate() {
    let kaching = Kaching::new();
    let open = [
        "--connections",
        "3",
        "--seconds",
        "1",
        "--engine",
        "sqlite",
        "--rate",
        "40",
        "--installations",
        "9",
    ];
    let rows = bench(&kaching, DISK, &[&["heartbeat"], &open[..]].concat());
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    takes_time(row);
    assert_eq!(
        (&row["loop"], &row["offered_per_s"], &row["shed"]),
        (&"open".into(), &40.0.into(), &0.into())
    );
    // Forty are due in the second that counts, and are answered in it unless they took past its end: on a disk that
    // stops for so long, none. The ten that were due in the quarter before may be answered in it as well.
    let late = number(row, "max_ms") / 1000.0;
    assert!((40.0 * (1.0 - late) - 2.0..=52.0).contains(&number(row, "rate_per_s")), "{row}");
}

#[test]
fn a_sweep_goes_from_a_tenth_of_the_maximum_to_a_fifth_above_it() {
    let kaching = Kaching::new();
    let rows = bench(&kaching, DISK, &["ceiling", "--connections", "3", "--seconds", "1", "--sweep"]);
    let full = number(&rows[0], "rate_per_s");
    assert_eq!((rows.len(), &rows[0]["loop"]), (9, &"closed".into()));
    for (row, part) in rows[1..].iter().zip([0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2]) {
        assert_eq!(row["loop"], "open");
        assert!((number(row, "offered_per_s") - full * part).abs() <= 0.2, "{row}");
    }
}

#[test]
fn several_runs_give_the_median_with_the_least_and_the_most() {
    let kaching = Kaching::new();
    let rows = bench(&kaching, DISK, &["ceiling", "--connections", "3", "--seconds", "1", "--runs", "3"]);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let [least, rate, most] = ["least", "rate_per_s", "most"].map(|name| number(row, name));
    assert!(row["runs"] == 3 && least <= rate && rate <= most, "{row}");
}

#[test]
fn leases_can_be_signed_with_rsa_and_slots_raced_for() {
    let kaching = Kaching::new();
    let brief = ["--connections", "3", "--seconds", "1", "--engine", "sqlite"];
    let rows = bench(
        &kaching,
        DISK,
        &[&["heartbeat", "--alg", "rs256", "--installations", "6"], &brief[..]].concat(),
    );
    is_sound(&rows[0], "heartbeat");
    assert!(number(&rows[0], "ceiling_ratio") > 0.0);
    let rows = bench(&kaching, DISK, &[&["activate", "--race"], &brief[..]].concat());
    let [_, race] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (&race["of"], &race["connections"]),
        (&"100 of 1000 on 100 slots".into(), &1000.into()),
        "{race}"
    );
}

#[test]
fn every_client_of_a_reconnect_storm_gets_its_lease() {
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
fn measurements_without_a_database_name_no_engine() {
    let kaching = Kaching::new();
    let rows = bench(&kaching, DISK, &["ceiling", "--connections", "3", "--seconds", "1"]);
    is_sound(&rows[0], "ceiling");
    assert_eq!((rows.len(), rows[0].get("engine")), (1, None));
    assert_eq!(rows[0]["durable"], false, "it stores nothing");
    for (name, more) in [("check", &[][..]), ("verify", &["ratio"])] {
        let rows = bench(&kaching, DISK, &[name, "--seconds", "1"]);
        let of = (name == "verify").then_some("of");
        let expected = ["name"].into_iter().chain(of).chain(["ns_per_check", "checks", "errors"]);
        assert_eq!(members(&rows[0]), expected.chain(more.iter().copied()).collect::<Vec<_>>());
        assert!(number(&rows[0], "ns_per_check") > 0.0 && number(&rows[0], "checks") > 0.0, "{rows:?}");
        assert!(rows.len() == 1 && rows[0]["errors"] == 0, "{rows:?}");
    }
}

#[test]
fn sizes_are_counted_and_compared() {
    let kaching = Kaching::new();
    let server = Server::start(&Place::default()).unwrap();
    let url = server.database().unwrap();
    let size = ["scale", "--sizes", "20,4100", "--seconds", "1", "--connections", "3", "--rate", "40"];
    let rows = bench(&kaching, DISK, &[&size[..], &["--postgres", &url]].concat());
    let of = |row: &Value| ["engine", "activations", "loop"].map(|name| row[name].clone());
    let expected = ["sqlite", "postgres"].into_iter().flat_map(|engine| {
        [(20, "closed"), (20, "open"), (4100, "closed"), (4100, "open")]
            .map(|(stored, looped)| [Value::from(engine), stored.into(), looped.into()])
    });
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for row in &rows {
        is_sound(row, "scale");
        assert!(number(row, "cpu_us_per_call") > 0.0 && number(row, "rss_mib") > 1.0, "{row}");
        // An open loop has no time per call, which is defined for full load.
        let closed = row["loop"] == "closed";
        assert_eq!((row["us_per_call"].is_number(), row["ratio"].is_number()), (closed, closed), "{row}");
        assert!(number(row, "cpu_ratio") > 0.0, "{row}");
    }
    // Each row is compared with the smallest size of the same loop.
    for row in rows.iter().filter(|row| row["activations"] == 20) {
        assert_eq!(row["cpu_ratio"], 1.0, "{row}");
    }
}

#[test]
fn a_database_grows_with_activations_and_changes_but_not_with_heartbeats() {
    let kaching = Kaching::new();
    let server = Server::start(&Place::default()).unwrap();
    let url = server.database().unwrap();
    let rows =
        bench(&kaching, DISK, &["growth", "--installations", "500", "--heartbeats", "4", "--postgres", &url]);
    let of = |row: &Value| ["engine", "of", "calls"].map(|name| row[name].clone());
    let expected = ["sqlite", "postgres"].into_iter().flat_map(|engine| {
        [("activations", 500), ("heartbeats", 2000), ("levels that change", 500)]
            .map(|(what, calls)| [Value::from(engine), what.into(), calls.into()])
    });
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for engine in rows.chunks(3) {
        let [activations, heartbeats, levels] = [0, 1, 2].map(|at| number(&engine[at], "bytes_per_call"));
        // An activation takes a few hundred bytes at least: its row, its audit entry, and their indexes.
        assert!(activations > 300.0 && levels > 100.0 && heartbeats < levels / 10.0, "{engine:?}");
        let a_year = activations * 10_000.0 / 1_048_576.0;
        assert!((number(&engine[0], "mib_per_year") - a_year).abs() < 0.2, "{engine:?}");
    }
}

#[test]
fn the_calls_of_operators_have_a_row_each() {
    let kaching = Kaching::new();
    let rows =
        bench(&kaching, DISK, &["admin", "--activations", "200", "--times", "4", "--engine", "sqlite"]);
    let asked: Vec<&str> = rows.iter().map(|row| row["of"].as_str().unwrap()).collect();
    assert!(
        asked.len() > 10 && asked.contains(&"licenses with a rare word") && asked.contains(&"audit"),
        "{asked:?}"
    );
    for row in &rows {
        takes_time(row);
        assert_eq!((&row["activations"], &row["connections"]), (&200.into(), &4.into()), "{row}");
    }
}

#[test]
fn starts_and_kills_are_timed() {
    let kaching = Kaching::new();
    let rows = bench(&kaching, DISK, &["start", "--activations", "50", "--cycles", "2"]);
    let of: Vec<&Value> = rows.iter().map(|row| &row["of"]).collect();
    assert_eq!(of, ["start to serving", "kill -9 to serving"]);
    for row in &rows {
        takes_time(row);
        assert_eq!((&row["checks"], &row["activations"]), (&2.into(), &50.into()), "{row}");
    }
    assert!(number(&rows[0], "rss_mib") > 1.0);
}

#[test]
fn changes_are_timed_to_every_stream() {
    let kaching = Kaching::new();
    let server = Server::start(&Place { settings: &["max_connections=200"], ..Place::default() }).unwrap();
    let url = server.database().unwrap();
    let brief = ["events", "--streams", "30", "--changes", "3"];
    for (engine, replicas, more) in
        [("sqlite", 1, &[][..]), ("postgres", 2, &["--replicas", "2", "--postgres", &url])]
    {
        let rows = bench(&kaching, DISK, &[&brief[..], more].concat());
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        takes_time(row);
        assert_eq!((&row["engine"], &row["replicas"]), (&engine.into(), &replicas.into()), "{row}");
        assert_eq!((&row["connections"], &row["checks"]), (&30.into(), &3.into()), "{row}");
        assert!(row["kib_per_stream"].is_number() && number(row, "rss_mib") > 1.0, "{row}");
        assert!(number(row, "callback_ms") > 0.0, "{row}");
    }
}

#[test]
fn all_measurements_go_into_a_page_with_pictures() {
    let kaching = Kaching::new();
    let page = kaching.path().join("README.md");
    let marks = ["<!-- measured: begin -->", "<!-- measured: end -->"];
    fs::write(&page, format!("before\n{}\n{}\nafter\n", marks[0], marks[1])).unwrap();
    let mut command = kaching.command();
    command.args(["bench", "all", "--quick", "--engine", "sqlite", "--sizes", "20,100", "--json", "--into"]);
    let done = command.arg(&page).env("TMPDIR", DISK).output().unwrap();
    let printed = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && printed.contains("measuring heartbeats"), "{printed}");
    let rows: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap();
    for name in [
        "heartbeat",
        "activate",
        "validate",
        "ceiling",
        "check",
        "verify",
        "events",
        "scale",
        "start",
        "admin",
        "herd",
    ] {
        assert!(rows.iter().any(|row| row["name"] == name), "{name} is missing");
    }
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("before\n") && text.ends_with("after\n"), "{text}");
    for words in [
        "cores of",
        "SQLite 3.",
        "| heartbeats, SQLite | ≥ 20000/s |",
        "| figure | target | measured | reached |",
    ] {
        assert!(text.contains(words), "{words} is missing: {text}");
    }
    for picture in ["load.svg", "scale.svg"] {
        let svg = fs::read_to_string(kaching.path().join(picture)).unwrap();
        assert!(
            svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>") && svg.contains("SQLite"),
            "{svg}"
        );
    }
}

#[test]
fn a_measurement_that_is_impossible_says_why() {
    let kaching = Kaching::new();
    for (line, code, words) in [
        (&["scale", "--sizes", "200,100"][..], 2, "The sizes must be in ascending order"),
        (&["events", "--streams", "18001"], 2, "ask for fewer, or for more replicas"),
        (&["events", "--replicas", "2", "--engine", "sqlite"], 2, "SQLite has one server"),
        (&["heartbeat", "--rate", "0"], 2, "a rate is from 1"),
        (&["all", "--quick", "--into", "missing.md"], 1, "missing.md cannot be read"),
    ] {
        let said = kaching.run(&[&["bench"], line].concat());
        assert!(said.code == code && said.err.contains(words), "{line:?}: {} {}", said.code, said.err);
        assert!(said.out.is_empty(), "{}", said.out);
    }
}

#[test]
fn a_file_system_in_memory_is_not_durable() {
    let memory = Path::new("/dev/shm");
    assert!(memory.is_dir(), "Linux has a file system in memory");
    let kaching = Kaching::new();
    let server = Server::start(&Place::default()).unwrap();
    let url = server.database().unwrap();
    let line = ["activate", "--connections", "3", "--seconds", "1", "--postgres", &url];
    let rows = bench(&kaching, "/dev/shm", &line);
    assert_eq!(rows[0]["durable"], false);
}

#[test]
fn a_server_that_does_not_answer_is_reported() {
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
fn without_postgresql_there_is_a_row_or_the_reason() {
    let kaching = Kaching::new();
    let mut command = kaching.command();
    // If the tests run as root, the user of a private PostgreSQL may not enter this directory.
    command.args(["bench", "validate", "--seconds", "1", "--connections", "1", "--json"]);
    let done = command.env("TMPDIR", kaching.path()).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap();
    let said = String::from_utf8_lossy(&done.stderr).contains("PostgreSQL is not measured: ");
    assert!(done.status.success() && rows[0]["engine"] == "sqlite");
    assert_eq!(rows.len() == 1, said, "{rows:?}");
}

#[test]
fn a_terminal_shows_progress_and_none_of_it_at_the_end() {
    let kaching = Kaching::new();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = fs::File::options().read(true).write(true).open(name).unwrap();
    let mut command = kaching.command();
    command.args(["bench", "check", "--seconds", "1", "--json"]).env("TMPDIR", DISK);
    let done = command.stdout(Stdio::piped()).stderr(screen).spawn().unwrap().wait_with_output().unwrap();
    // Dropping the command closes the other end of the terminal, which ends the reading with an error.
    drop(command);
    let mut seen = Vec::new();
    let _ = fs::File::from(terminal).read_to_end(&mut seen);
    let seen = String::from_utf8(seen).unwrap();
    assert!(done.status.success() && seen.contains("a temporary authority starts"), "{seen:?}");
    assert!(seen.ends_with("\r\u{1b}[2K") && !seen.contains('\n'), "{seen:?}");
}

#[test]
fn an_interrupted_measurement_leaves_nothing_behind() {
    let kaching = Kaching::new();
    let entries = || fs::read_dir(kaching.path()).unwrap().count();
    let mut command = kaching.command();
    command.args(["bench", "ceiling", "--seconds", "60"]).env("TMPDIR", kaching.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while entries() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a signal");
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&done.stderr), "error: Interrupted: nothing was measured.\n");
    assert_eq!(entries(), 0);
}
