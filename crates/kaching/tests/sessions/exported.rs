//! Lists for other programs: CSV, JSON and NDJSON.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::Stdio,
};

use kaching_authority::fill::Fill;
use serde_json::{Value, json};

use crate::{
    columns::terminal,
    kaching::{Kaching, Said},
    serve::Server,
};

/// Returns the lists of `surface/cli-help`, which another test compares with the argument tree.
fn lists() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../surface/cli-help");
    let texts = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let all = texts.collect::<String>();
    let names = all.lines().filter_map(|line| line.strip_prefix("$ kaching ")?.strip_suffix(" --help"));
    names.filter(|name| name.ends_with(" list") || *name == "reminders").map(str::to_owned).collect()
}

fn exported(kaching: &Kaching, line: &str, format: &str) -> String {
    let said = kaching.run(&line.split(' ').chain(["--format", format]).collect::<Vec<_>>());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{line} --format {format}");
    said.out
}

/// Returns the header and the rows of a CSV file.
fn csv_rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    (header, rows.collect())
}

/// Sample data with a row in each list, and what the API leaves out of most rows.
fn sample() -> Kaching {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    kaching.json(&["token", "create", "--name=-reports", "--scope", "read"]);
    kaching.json(&["plan", "apply", "chorus:team", "--to", "all"]);
    let license = kaching.json(&["license", "list", "--plan", "chorus:team"])["items"][0]["id"].clone();
    let upgrade =
        ["license", "upgrade", license.as_str().unwrap(), "--plan", "enterprise", "--at", "period-end"];
    kaching.json(&upgrade);
    kaching
}

/// The columns of members that the API leaves out of every row of the sample, in which no installation has sent a heartbeat.
const RARE: [&str; 3] = ["health.status", "health.detail", "health.since"];

#[test]
fn every_list_has_the_same_rows_in_every_format() {
    let kaching = sample();
    let lists = lists();
    assert!(lists.len() >= 11, "only {lists:?}");
    for list in lists {
        let document: Value = serde_json::from_str(&exported(&kaching, &list, "json")).unwrap();
        let items = document["items"].as_array().unwrap();
        assert!(!items.is_empty() && document["next"].is_null(), "{list}: {document}");
        let lines = exported(&kaching, &list, "ndjson");
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&lines, items, "{list}");
        if list != "key list" {
            let all = kaching.json(&list.split(' ').chain(["--all"]).collect::<Vec<_>>());
            assert_eq!(all, document, "{list}");
        }

        let (header, rows) = csv_rows(&exported(&kaching, &list, "csv"));
        assert_eq!(rows.len(), items.len(), "{list}");
        assert_eq!(header.iter().collect::<BTreeSet<_>>().len(), header.len(), "{list}: {header:?}");
        for (at, column) in header.iter().enumerate() {
            let pointer = format!("/{}", column.replace('.', "/"));
            let known =
                RARE.contains(&column.as_str()) || items.iter().any(|item| item.pointer(&pointer).is_some());
            assert!(known, "{list}: no row has {column}");
            for (item, row) in items.iter().zip(&rows) {
                let cell = match item.pointer(&pointer) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) if text.starts_with('-') => format!("'{text}"),
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Array(words)) if words.iter().all(Value::is_string) => {
                        words.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(";")
                    }
                    Some(Value::Object(members)) if members.is_empty() => String::new(),
                    Some(other) => other.to_string(),
                };
                assert_eq!(row[at], cell, "{list}: {column}");
            }
        }
    }
}

#[test]
fn exports_look_as_recorded() {
    let mut kaching = Kaching::new();
    kaching.record("customer create --name \"=HYPERLINK(A1,B1)\" --reference CUST-002 --tag a --tag b");
    kaching.record("product create --code chorus --name CHORUS");
    kaching
        .record("plan create --product chorus --code team --name Team --rank 2 --limit nodes=25 --days 365");
    kaching.record(
        "license create --customer CUST-002 --product chorus --plan team --metadata order=7,2 --tag eu",
    );
    for format in ["csv", "json", "ndjson"] {
        kaching.record(&format!("customer list --format {format}"));
        kaching.record(&format!("license list --format {format}"));
        kaching.record(&format!("license list --format {format} --with-keys"));
    }
    kaching.record("plan list --format csv");
    kaching.record("license list --format table --with-keys");
    kaching.record("license list --format csv --json");
    kaching.record("audit list --action license.reveal_keys --format ndjson");
    kaching.compare("formats.txt");
}

#[test]
fn keys_are_exported_only_with_the_right_and_an_entry() {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    let reveals = || {
        let all = kaching.json(&["audit", "list", "--action", "license.reveal_keys", "--all"]);
        all["items"].as_array().unwrap().len()
    };
    let licenses = kaching.json(&["license", "list", "--all"])["items"].as_array().unwrap().clone();
    let id = licenses[3]["id"].as_str().unwrap();
    let key = kaching.run(&["license", "key", id]).out.trim().to_owned();
    for format in ["csv", "json", "ndjson"] {
        assert!(!exported(&kaching, "license list", format).contains(&key), "{format}");
        let before = reveals();
        let text = exported(&kaching, "license list --with-keys", format);
        assert!(text.contains(&key), "{format}");
        assert_eq!(reveals(), before + 1, "{format}");
    }
    let (header, rows) = csv_rows(&exported(&kaching, "license list --with-keys", "csv"));
    let keys: BTreeSet<&String> = rows.iter().map(|row| row.last().unwrap()).collect();
    assert_eq!((header.last().unwrap().as_str(), keys.len()), ("key", licenses.len()));
    let newest = kaching.json(&["audit", "list", "--rows", "1"])["items"][0].clone();
    assert_eq!(newest["change"]["keys"], licenses.len());
    assert!(newest["change"]["licenses"].as_array().unwrap().contains(&json!(id)));

    let token = kaching.json(&["token", "create", "--name", "reports", "--scope", "read"]);
    let server = Server::start(&kaching, &[]);
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let before = reveals();
    let said = kaching.run(&[
        "license",
        "list",
        "--format",
        "csv",
        "--with-keys",
        "--server",
        &url,
        "--token",
        token["secret"].as_str().unwrap(),
    ]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(said.err.contains("licenses:key"), "{}", said.err);
    assert_eq!(reveals(), before, "nothing was shown");
}

#[test]
fn a_page_of_an_export_says_where_the_next_begins() {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    let all = exported(&kaching, "customer list --sort name", "ndjson");
    let said = kaching.run(&["customer", "list", "--sort", "name", "--format", "ndjson", "--rows", "3"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 3), "{}", said.err);
    let next = said.err.trim().strip_prefix("There are more: --after ").unwrap();
    let rest = exported(&kaching, &format!("customer list --sort name --after {next}"), "ndjson");
    assert_eq!(said.out + &rest, all);
    let page = kaching.run(&["customer", "list", "--sort", "name", "--format", "json", "--rows", "3"]);
    let page: Value = serde_json::from_str(&page.out).unwrap();
    assert_eq!(page["next"], next);
}

#[test]
fn an_export_whose_reader_leaves_ends_quietly() {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    for format in ["csv", "json", "ndjson"] {
        let run = |output: Stdio| {
            let mut command = kaching.command();
            command.args(["license", "list", "--format", format]).stdout(output).stderr(Stdio::piped());
            Said::of(&command.spawn().unwrap().wait_with_output().unwrap())
        };
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = run(writer.into());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{format}");
        let said = run(fs::File::options().write(true).open("/dev/full").unwrap().into());
        assert_eq!(said.code, 1, "{format}");
        assert!(said.err.contains("could not be written"), "{format}: {}", said.err);
    }
}

#[test]
fn a_terminal_shows_the_number_of_rows_and_none_of_it_at_the_end() {
    let kaching = Kaching::new();
    kaching.json(&["seed"]);
    let (mut terminal, screen) = terminal(80);
    let mut command = kaching.command();
    command.args(["customer", "list", "--format", "csv"]).stdout(Stdio::piped()).stderr(screen);
    let done = command.spawn().unwrap().wait_with_output().unwrap();
    // Dropping the command closes the other end of the terminal, which ends the reading with an error.
    drop(command);
    let mut seen = Vec::new();
    let _ = terminal.read_to_end(&mut seen);
    let (seen, rows) = (String::from_utf8(seen).unwrap(), csv_rows(str::from_utf8(&done.stdout).unwrap()).1);
    assert_eq!(seen, format!("\r\u{1b}[2K{} rows\r\u{1b}[2K", rows.len()));
}

/// The licenses of the measured export: by default enough for twenty pages.
fn many() -> u32 {
    std::env::var_os("EXPORTED_LICENSES").map_or(4000, |text| text.to_str().unwrap().parse().unwrap())
}

/// The memory that rows may cost the command, in MiB.
const FOR_ROWS: u64 = 12;

/// The memory that a server may keep after it has read everything, in MiB: its readers fill their caches.
const FOR_READING: u64 = 40;

/// Reads what a list prints, and returns the number of its lines with the peak of the process's memory in MiB.
fn measured(kaching: &Kaching, arguments: &[&str]) -> (u64, u64) {
    let mut command = kaching.command();
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut lines, mut peak) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        assert!(!line.unwrap().is_empty());
        lines += 1;
        // Before the last lines, which come when the process is gone.
        if lines % 50 == 0 {
            peak = peak_mib(&status).unwrap_or(peak);
        }
    }
    assert!(child.wait().unwrap().success(), "{arguments:?}");
    (lines, peak)
}

fn peak_mib(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024)
}

#[tokio::test]
async fn an_export_costs_no_memory_for_its_rows() {
    let kaching = Kaching::new();
    let like = kaching.with_license()["id"].as_str().unwrap().parse().unwrap();
    kaching.fill(Fill { like, licenses: Some(many()), each: 0, first: 0 }).await;
    let rows = u64::from(many()) + 1;
    let server = Server::start(&kaching, &[]);
    // The memory of the first read is not part of the measurement.
    let page = ["license", "list", "--format", "ndjson", "--rows", "200"];
    let (_, least) = measured(&kaching, &page);
    let before = server.resident_mib();
    for (format, around) in [("csv", 1), ("json", 2), ("ndjson", 0)] {
        for keys in [&[][..], &["--with-keys"]] {
            let (lines, peak) =
                measured(&kaching, &[&["license", "list", "--format", format], keys].concat());
            let after = server.resident_mib();
            println!(
                "{format} {keys:?}: {rows} rows; {peak} MiB, of one page {least}; server {before}, then {after}"
            );
            assert_eq!(lines, rows + around, "{format}");
            assert!(peak <= least + FOR_ROWS, "{format}: {peak} MiB, where one page takes {least}");
            assert!(after <= before + FOR_READING, "{format}: the server had {before} MiB, and has {after}");
        }
    }
    server.stop();
}
