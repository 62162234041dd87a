//! Every command of the binary, with its required arguments: none panics, and none reports an internal failure.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::{
    kaching::{Kaching, Said},
    serve::Server,
};

/// A command as its help describes it.
struct Described {
    words: Vec<String>,
    /// The usage after `[OPTIONS]`.
    required: Vec<String>,
}

/// Returns the commands of `surface/cli-help`, which another test compares with the argument tree.
fn commands() -> Vec<Described> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../surface/cli-help");
    let texts = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let usages: Vec<String> = texts.flat_map(|text| usages(&text)).collect();
    let described = usages.iter().map(|usage| {
        let (words, required) = usage.split_once(" [OPTIONS]").unwrap_or((usage, ""));
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Described { words: split(words.trim_start_matches("kaching")), required: split(required) }
    });
    described.filter(|command| command.required != ["<COMMAND>"]).collect()
}

/// Returns `Usage: …` up to the next empty line, since a long one is wrapped.
fn usages(text: &str) -> Vec<String> {
    let parts = text.split("\nUsage: ").skip(1);
    parts
        .map(|part| part.split("\n\n").next().unwrap().lines().map(str::trim).collect::<Vec<_>>().join(" "))
        .collect()
}

impl Described {
    /// Returns the command with a value for each required argument.
    fn line(&self, values: &dyn Fn(&str, &str) -> String) -> Vec<String> {
        let (mut line, mut flag) = (self.words.clone(), "");
        for part in &self.required {
            if part.starts_with("--") {
                line.push(part.clone());
                flag = part;
            } else if part.starts_with('<') || ["[LICENSE]...", "[ACTIVATION]..."].contains(&part.as_str()) {
                line.push(values(flag, part.trim_matches(['<', '>', '[', ']', '.'])));
                flag = "";
            }
        }
        line
    }
}

/// Returns a value of the right form that no authority has.
fn unknown(flag: &str, name: &str) -> String {
    let value = match (flag, name) {
        ("--scope", _) => "read",
        (_, "ACTIVATION") => "act_01m81jhz4sewe84nq6ffy7jzvt",
        (_, "LICENSE") => "lic_01m81jhz4sewe84nq6ffy7jzvt",
        (_, "JOB") => "job_01m81jhz4sewe84nq6ffy7jzvt",
        (_, "TOKEN") => "tok_01m81jhz4sewe84nq6ffy7jzvt",
        (_, "PRODUCT:PLAN" | "PRODUCT:FEATURE") => "nothing:nothing",
        (_, "all|renewing|LICENSE") => "all",
        _ => "nothing",
    };
    value.to_owned()
}

/// Returns a malformed value.
fn nonsense(flag: &str, name: &str) -> String {
    match (flag, name) {
        ("--scope", _) => "read".to_owned(),
        _ => "no/such thing?".to_owned(),
    }
}

/// Bench and demo find no directory for temporary files, and servers find that another one runs.
fn run(kaching: &Kaching, line: &[String]) -> Said {
    let mut command: Command = kaching.command();
    command.env("TMPDIR", kaching.path().join("nowhere")).args(line);
    Said::of(&command.output().unwrap())
}

#[test]
fn no_command_panics() {
    let kaching = Kaching::new();
    kaching.with_license();
    let server = Server::start(&kaching, &[]);
    let mut ended = BTreeMap::<i32, usize>::new();
    for command in commands() {
        for values in [unknown, nonsense] {
            let line = command.line(&values);
            let said = run(&kaching, &line);
            let printed = format!("{}\n{}{}", line.join(" "), said.out, said.err);
            assert!((0..=3).contains(&said.code), "exit code {}: {printed}", said.code);
            assert!(!printed.contains("panicked") && !printed.contains("(failure)"), "{printed}");
            assert!(said.code == 0 || !said.err.is_empty(), "{printed}");
            *ended.entry(said.code).or_default() += 1;
        }
    }
    // Commands that fail to parse would make the test pointless.
    assert!(ended[&0] >= 20 && ended[&1] >= 40, "{ended:?}");
    assert!(kaching.json(&["stats"])["total"].as_u64().unwrap() >= 1, "the authority lives");
    assert_eq!(server.stop(), 0);
}

/// Returns each option with a value, with a command that has it and the name of its value.
fn options() -> BTreeMap<(String, String), Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../surface/cli-help");
    let mut options = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut words = Vec::new();
        for line in text.lines() {
            if let Some(usage) = line.strip_prefix("Usage: kaching") {
                let usage = usage.split(['[', '<']).next().unwrap();
                words = usage
                    .split_whitespace()
                    .take_while(|word| !word.starts_with('-'))
                    .map(str::to_owned)
                    .collect();
            }
            let Some((flag, rest)) =
                line.trim_start().strip_prefix("--").and_then(|rest| rest.split_once(" <"))
            else {
                continue;
            };
            let name = rest.split('>').next().unwrap();
            options.entry((format!("--{flag}"), name.to_owned())).or_insert(words.clone());
        }
    }
    options
}

#[test]
fn no_error_message_has_a_word_of_rust() {
    let kaching = Kaching::new();
    kaching.with_license();
    let described = commands();
    let mut tried = 0;
    for ((flag, _), words) in options() {
        // A directory would be created, and a server would wait for its end.
        if matches!(flag.as_str(), "--data" | "--directory") {
            continue;
        }
        let Some(command) = described.iter().find(|command| command.words == words) else { continue };
        for value in ["x?", "-1.5", "99999999999999999999999"] {
            let mut line = command.line(&unknown);
            line.extend([format!("{flag}={value}"), "--json".to_owned()]);
            let said = run(&kaching, &line);
            let printed = format!("{}\n{}", line.join(" "), said.err);
            assert!(!printed.contains("panicked"), "{printed}");
            let found = kaching_testkit::word_of_rust(&said.err, &["Utf8Error"]);
            assert!(found.is_none(), "{found:?}: {printed}");
            if said.code != 0 {
                let problem = serde_json::from_str::<kaching_api::Problem>(&said.err);
                assert!(problem.is_ok_and(|problem| !problem.detail.is_empty()), "no problem: {printed}");
            }
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} tried");
}

#[test]
fn a_stolen_token_is_withdrawn_by_command() {
    let kaching = Kaching::new();
    let made = kaching.json(&["token", "create", "--name", "reports", "--scope", "read"]);
    let id = made["id"].as_str().unwrap();
    let shown = kaching.json(&["token", "show", id]);
    assert_eq!((&shown["name"], shown.get("secret")), (&made["name"], None));
    assert_eq!(kaching.json(&["token", "edit", id, "--name", "stolen"])["name"], "stolen");
    let server = Server::start(&kaching, &[]);
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let secret = made["secret"].as_str().unwrap();
    let with = ["stats", "--server", &url, "--token", secret];
    assert_eq!(kaching.run(&with).code, 0, "the token of the command line is another argument than its id");
    assert!(kaching.json(&["token", "archive", id])["archived_at"].is_string());
    let said = kaching.run(&with);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("(unauthenticated)"), "{}", said.err);
}
