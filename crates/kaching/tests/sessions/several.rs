//! Commands that change several objects, and batches of licenses.

use std::{fs::File, io::Read as _, io::Write as _, process::Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::{
    kaching::{Kaching, Said},
    serve::Server,
};

/// Creates licenses with these tags, and returns their ids.
fn with_licenses<const N: usize>(kaching: &Kaching, tags: [&str; N]) -> [String; N] {
    kaching.with_license();
    let create = ["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team"];
    tags.map(|tag| text(&kaching.json(&[&create[..], &["--tag", tag]].concat())["id"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn state(kaching: &Kaching, id: &str) -> String {
    text(&kaching.json(&["license", "show", id])["state"])
}

#[test]
fn a_refusal_of_one_stops_none_of_the_others() {
    let kaching = Kaching::new();
    let [one, two, three] = with_licenses(&kaching, ["a", "b", "c"]);
    kaching.json(&["license", "suspend", &two, "--reason", "unpaid"]);
    let unknown = "lic_01m81jhz4sewe84nq6ffy7jzvt";
    let line = ["license", "suspend", &one, &two, unknown, &three, &one, "--reason", "unpaid"];
    let said = kaching.run(&line);
    assert_eq!(said.code, 1, "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], format!("Suspended {one}."));
    assert!(lines[1].starts_with(&format!("{two}: not suspended: ")), "{}", said.out);
    assert!(lines[1].ends_with("(wrong_state)") && lines[2].ends_with("(not_found)"), "{}", said.out);
    assert_eq!(
        lines[3..],
        [&format!("Suspended {three}."), "2 suspended, 2 failed."],
        "each is changed once"
    );
    assert!(said.err.contains("2 of 4 licenses were not suspended"), "{}", said.err);
    assert!(said.err.contains(&format!("Repeat the command for: {two} {unknown}")), "{}", said.err);
    assert!(!said.err.contains("Before that"), "{}", said.err);

    let said = kaching.run(&["license", "reinstate", &one, unknown, &two, "--json"]);
    assert_eq!(said.code, 1);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&report["changed"], &report["failed"], &report["not_tried"]),
        (&2.into(), &1.into(), &0.into())
    );
    let results = report["results"].as_array().unwrap();
    assert_eq!((&results[0]["license"]["state"], &results[0]["id"]), (&"active".into(), &one.clone().into()));
    assert_eq!((&results[1]["problem"]["code"], &results[1]["id"]), (&"not_found".into(), &unknown.into()));
    let problem: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(problem["code"], "partial");

    // A refused token would be refused for all others.
    let server = Server::start(&kaching, &[]);
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let read = text(&kaching.json(&["token", "create", "--name", "r", "--scope", "read"])["secret"]);
    let said = kaching.run(&["license", "reinstate", &one, &three, "--server", &url, "--token", &read]);
    assert!(said.code == 1 && said.out.ends_with("0 reinstated, 1 failed, 1 not tried.\n"), "{}", said.out);
    assert!(said.err.contains("(forbidden)"), "{}", said.err);
    assert_eq!(state(&kaching, &three), "suspended");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_filter_chooses_those_of_the_list_before_the_first_is_changed() {
    let kaching = Kaching::new();
    let [one, two, other] = with_licenses(&kaching, ["trial", "trial", "other"]);
    let filter = ["--filter", "product=chorus", "--filter", "tag=trial", "--filter", "state=active"];
    let suspend = [&["license", "suspend", "--reason", "over"][..], &filter].concat();
    let said = kaching.run(&suspend);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("This suspends 2 licenses.") && said.err.contains("add --yes"), "{}", said.err);
    assert_eq!(state(&kaching, &one), "active");

    let said = kaching.run(&[&suspend[..], &["--yes"]].concat());
    assert!(said.code == 0 && said.out.ends_with("2 suspended.\n"), "{}{}", said.out, said.err);
    let states = [&one, &two, &other].map(|id| state(&kaching, id));
    assert_eq!(states, ["suspended", "suspended", "active"]);
    let none = kaching.json(&[&suspend[..], &["--yes"]].concat());
    assert_eq!((&none["results"], &none["changed"]), (&Value::Array(Vec::new()), &0.into()));

    // Reinstating takes them out of the list by which they were found.
    let line = ["license", "reinstate", "--filter", "state=suspended", "--yes"];
    assert!(kaching.run(&line).out.ends_with("2 reinstated.\n"));
    let line =
        ["license", "tag", "--filter", "tag=trial", "--add", "x", "--remove", "trial", "--yes", "--json"];
    let tagged: Value = serde_json::from_str(&kaching.run(&line).out).unwrap();
    assert_eq!(tagged["results"][1]["license"]["tags"], serde_json::json!(["x"]));
    let renewed = kaching.run(&["license", "renew", "--filter", "tag=x", "--term", "1y", "--yes"]);
    assert!(renewed.out.ends_with("2 renewed.\n"), "{}{}", renewed.out, renewed.err);
}

#[test]
fn a_wrong_selection_says_what_to_do() {
    let kaching = Kaching::new();
    let [one] = with_licenses(&kaching, ["a"]);
    for (line, code, words) in [
        (
            &["--filter", "colour=red", "--yes"][..],
            2,
            "colour. The filters of this list are: q, product, plan,",
        ),
        (&["--filter", "state=broken", "--yes"], 1, "suspended"),
        (&["--filter", "limit=3"], 2, "are no filters"),
        (&["--filter", "tag"], 2, "product=chorus"),
        (&["--filter", "tag=a", &one], 2, "cannot be used with"),
        (&[], 2, "Which licenses?"),
    ] {
        let said = kaching.run(&[&["license", "reinstate"], line].concat());
        assert!(said.code == code && said.err.contains(words), "{line:?}: {} {}", said.code, said.err);
    }
    let said = kaching.run(&["license", "tag", &one]);
    assert!(said.code == 2 && said.err.contains("--add or --remove"), "{}", said.err);
}

#[test]
fn ids_and_keys_come_from_standard_input() {
    let kaching = Kaching::new();
    let [one, two] = with_licenses(&kaching, ["a", "b"]);
    let key = text(&kaching.json(&["license", "key", &two])["key"]);
    let said =
        kaching.run_with(format!("{one}\n\n  {key}\r\n").as_bytes(), &["license", "tag", "-", "--add", "x"]);
    assert_eq!(said.out, format!("Tags of {one}: a, x\nTags of {two}: b, x\n2 tagged.\n"), "{}", said.err);

    // A key that fails is named by its place.
    let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    let said = kaching.run(&["license", "tag", &one, &mistyped, "--add", "y"]);
    assert!(said.code == 1 && said.err.contains("Repeat the command for: key number 2"), "{}", said.err);
    assert!(!format!("{}{}", said.out, said.err).contains(&mistyped), "{}{}", said.out, said.err);
}

#[test]
fn several_activations_are_released() {
    let kaching = Kaching::new();
    assert_eq!(kaching.run(&["seed"]).code, 0);
    let list = kaching.json(&["activation", "list", "--status", "active"]);
    let ids: Vec<String> = list["items"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
    let said = kaching.run(&["activation", "release", &ids[0], &ids[1], "--reason", "gone"]);
    assert_eq!(
        said.out,
        format!("Released {}.\nReleased {}.\n2 released.\n", ids[0], ids[1]),
        "{}",
        said.err
    );
    let line = ["activation", "release", "--filter", "status=active", "--yes"];
    let said = kaching.run(&line);
    assert!(said.code == 0 && said.out.ends_with(" released.\n"), "{}{}", said.out, said.err);
    let left = kaching.json(&["activation", "list", "--status", "active"]);
    assert!(ids.len() > 2 && left["items"].as_array().unwrap().is_empty(), "{left}");
}

/// Answers the question of a command on a terminal, and returns what the terminal showed.
fn answer(kaching: &Kaching, line: &[&str], typed: &str) -> (Said, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = File::options().read(true).write(true).open(name).unwrap();
    let mut terminal = File::from(terminal);
    terminal.write_all(typed.as_bytes()).unwrap();
    let mut command = kaching.command();
    command.args(line).stdin(screen.try_clone().unwrap()).stdout(Stdio::piped()).stderr(screen);
    let done = command.spawn().unwrap().wait_with_output().unwrap();
    // Dropping the command closes the other end of the terminal, which ends the reading with an error.
    drop(command);
    let mut seen = Vec::new();
    let _ = terminal.read_to_end(&mut seen);
    (Said::of(&done), String::from_utf8(seen).unwrap())
}

#[test]
fn the_number_is_asked_for_on_a_terminal() {
    let kaching = Kaching::new();
    let [one, _] = with_licenses(&kaching, ["trial", "trial"]);
    let line = ["license", "suspend", "--filter", "tag=trial", "--reason", "over"];
    let (said, seen) = answer(&kaching, &line, "yes\n");
    assert_eq!(said.code, 1, "{seen}");
    assert!(seen.contains("This suspends 2 licenses. Type 2 to go on: "), "{seen}");
    assert!(seen.contains("That is not 2: nothing was changed."), "{seen}");
    assert_eq!(state(&kaching, &one), "active");
    let (said, seen) = answer(&kaching, &line, "2\n");
    assert!(said.code == 0 && said.out.ends_with("2 suspended.\n"), "{seen}");
    assert!(seen.contains("1 of 2 licenses") && seen.ends_with("\r\u{1b}[2K"), "{seen:?}");
}

/// A token has ten calls, then ten in each second: the command waits for its turn.
#[test]
fn a_limited_token_slows_a_command_down_and_does_not_end_it() {
    let kaching = Kaching::new();
    kaching.with_license();
    let create = ["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team"];
    kaching.json(&[&create[..], &["--count", "15", "--tag", "many"]].concat());
    std::fs::write(kaching.data().join("config.toml"), "[limits]\ntoken_per_second = 10\ntoken_burst = 10\n")
        .unwrap();
    let server = Server::start(&kaching, &[]);
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let token = server.greeting["first_token"].as_str().unwrap();
    let line = ["license", "tag", "--filter", "tag=many", "--add", "x", "--yes"];
    let said = kaching.run(&[&line[..], &["--server", &url, "--token-file", token]].concat());
    assert!(said.code == 0 && said.out.ends_with("15 tagged.\n"), "{}{}", said.out, said.err);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_batch_prints_ids_and_keys_as_csv_and_is_found_by_its_tag() {
    let kaching = Kaching::new();
    kaching.with_license();
    let create = ["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team"];
    let said = kaching.run(&[&create[..], &["--count", "250"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("id,key", 251));
    let (id, key) = lines[17].split_once(',').unwrap();
    assert_eq!(kaching.json(&["license", "key", id])["key"], key);
    assert_eq!(kaching.json(&["license", "show", key])["id"], id);
    let (_, tag) = said.err.split_once("license list --tag ").unwrap();
    let found = kaching.json(&["license", "list", "--all", "--tag", tag.trim()]);
    assert_eq!(found["items"].as_array().unwrap().len(), 250, "{tag}");

    let batch = kaching.json(&[&create[..], &["--count", "1", "--tag", "fair", "--days", "30"]].concat());
    assert_eq!(
        (&batch["tags"], &batch["items"].as_array().unwrap().len()),
        (&serde_json::json!(["fair"]), &1)
    );
    for (count, words) in [("0", "1 to 10000"), ("10001", "create several batches"), ("-1", "--count")] {
        let said = kaching.run(&[&create[..], &[&format!("--count={count}")]].concat());
        assert!(said.code > 0 && said.err.contains(words), "{count}: {}", said.err);
    }
    let wrong = kaching.run(&[&create[..], &["--count", "2", "--expires", "2020-01-01"]].concat());
    assert!(wrong.code == 1 && wrong.err.contains("(invalid_request)"), "{}", wrong.err);
    assert_eq!(kaching.json(&["stats"])["total"], 252);
}
