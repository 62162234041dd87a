use std::{collections::BTreeMap, path::Path};

use clap::CommandFactory as _;

use super::*;

#[test]
fn no_command_contradicts_itself() {
    Cli::command().debug_assert();
}

/// An argument with the id of a global argument replaces it, which clap notices only when it is read.
#[test]
fn no_argument_has_the_id_of_a_global_one() {
    let root = Cli::command();
    let global: Vec<_> = root.get_arguments().filter(|argument| argument.is_global_set()).collect();
    assert!(global.len() >= 6);
    for command in root.get_subcommands().flat_map(below) {
        for argument in command.get_arguments() {
            let taken = global.iter().any(|one| one.get_id() == argument.get_id());
            assert!(!taken, "{}: {} is the id of a global argument", command.get_name(), argument.get_id());
        }
    }
}

/// Each command is read with what it requires, then with each other argument of it besides.
#[test]
fn every_argument_of_every_command_is_read() {
    let mut root = Cli::command();
    root.build();
    let mut read = 0;
    for command in below(&root).into_iter().filter(|command| !command.has_subcommands()) {
        let name = command.get_bin_name().unwrap_or_default();
        let name: Vec<String> = name.split(' ').map(str::to_owned).collect();
        let (required, optional): (Vec<_>, Vec<_>) = command
            .get_arguments()
            .filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
            .partition(|argument| argument.is_required_set());
        let mut line = name.clone();
        for argument in required {
            line = with(&line, argument, name.len());
        }
        let parsed = Cli::try_parse_from(&line);
        assert!(
            parsed.is_ok(),
            "{}: {}",
            line.join(" "),
            parsed.err().map(|e| e.to_string()).unwrap_or_default()
        );
        for argument in optional {
            let line = with(&line, argument, name.len());
            match Cli::try_parse_from(&line) {
                Ok(_) => read += 1,
                // Some are only taken together with others.
                Err(error) => {
                    assert_eq!(error.kind(), clap::error::ErrorKind::MissingRequiredArgument, "{line:?}");
                }
            }
        }
    }
    assert!(read > 300, "only {read} arguments were read");
}

/// The line with one more argument, with the first value of these that it takes.
fn with(line: &[String], argument: &clap::Arg, name: usize) -> Vec<String> {
    const VALUES: [&str; 16] = [
        "x",
        "1",
        "7",
        "1000",
        "lic_01m81jhz4sewe84nq6ffy7jzvt",
        "2030-01-01",
        "5m",
        "nodes=1",
        "jobs=1/day",
        "cluster=x",
        "key=value",
        "EUR:1/year",
        "it@acme.example",
        "127.0.0.1:1",
        "https://example.com",
        "all",
    ];
    let possible: Vec<_> =
        argument.get_possible_values().iter().map(|one| one.get_name().to_owned()).collect();
    let flag = argument.get_long().map(|long| format!("--{long}"));
    let values = possible.into_iter().chain(VALUES.map(str::to_owned));
    let mut said = Vec::new();
    for value in values {
        let mut longer = line.to_vec();
        match &flag {
            Some(flag) if argument.get_action().takes_values() => longer.extend([flag.clone(), value]),
            Some(flag) => longer.push(flag.clone()),
            // Before the flags, of which the last may take any number of values.
            None if argument.is_last_set() => longer.extend(["--".to_owned(), value]),
            None => longer.insert(name, value),
        }
        match Cli::try_parse_from(&longer) {
            Ok(_) => return longer,
            // A required argument is missing.
            Err(error) if error.kind() == clap::error::ErrorKind::MissingRequiredArgument => return longer,
            Err(error) => said.push(error.to_string()),
        }
    }
    panic!("{} takes no value for {}: {}", line.join(" "), argument.get_id(), said.join("\n"))
}

/// A command and all below it, without `help`, which has a command for each of them.
fn below(command: &clap::Command) -> Vec<&clap::Command> {
    let mut all = vec![command];
    all.extend(command.get_subcommands().filter(|one| one.get_name() != "help").flat_map(below));
    all
}

/// What is listed can be taken into another program.
#[test]
fn every_list_has_every_format() {
    let mut root = Cli::command();
    root.build();
    let mut lists = 0;
    for command in below(&root) {
        if !["list", "reminders"].contains(&command.get_name()) {
            continue;
        }
        lists += 1;
        let name = command.get_bin_name().unwrap_or_default();
        let format = command.get_arguments().find(|argument| argument.get_long() == Some("format"));
        let values = format.map(clap::Arg::get_possible_values).unwrap_or_default();
        let values: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
        assert_eq!(values, ["table", "csv", "json", "ndjson"], "{name}");
    }
    assert!(lists >= 11, "only {lists} lists");
}

#[test]
fn help_shows_each_command() {
    let mut root = Cli::command();
    root.build();
    let commands = below(&root);
    assert!(commands.len() > 80, "only {} commands", commands.len());
    for command in commands {
        let name = command.get_bin_name().unwrap_or("kaching");
        let words: Vec<&str> = name.split(' ').skip(1).collect();
        let line = ["kaching", "help"].into_iter().chain(words);
        let shown = Cli::try_parse_from(line).err().expect("help ends the parsing");
        assert_eq!(shown.kind(), clap::error::ErrorKind::DisplayHelp, "{name}");
        assert!(shown.to_string().contains(&format!("\nUsage: {name} ")), "{name}: {shown}");
    }
    let unknown = Cli::try_parse_from(["kaching", "help", "license", "nothing"]).err().expect("unknown");
    assert!(unknown.use_stderr(), "{unknown}");
}

#[test]
fn global_arguments_may_come_before_or_after_the_command() {
    let lines = [
        "kaching --json stats --data x",
        "kaching license list --json --data x",
        "kaching --data x license --json list",
    ];
    for line in lines {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert!(cli.global.json && cli.global.data.is_some(), "{line}");
    }
}

/// The help of every command is recorded in `surface/cli-help`, one file for each noun; accept a change with KACHING_ACCEPT=1.
#[test]
fn the_help_is_as_it_was_recorded() {
    let mut pages = BTreeMap::new();
    let mut root = Cli::command().term_width(100);
    root.build();
    pages.insert("kaching".to_owned(), page(&mut root.clone()));
    let is_command = |one: &&mut clap::Command| one.get_name() != "help";
    for noun in root.get_subcommands_mut().filter(is_command) {
        let name = noun.get_name().to_owned();
        let mut text = page(&mut noun.clone());
        for verb in noun.get_subcommands_mut().filter(is_command) {
            text.push('\n');
            text.push_str(&page(&mut verb.clone()));
        }
        pages.insert(name, text);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../surface/cli-help");
    if std::env::var_os("KACHING_ACCEPT").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &pages {
            std::fs::write(folder.join(format!("{name}.txt")), text).unwrap();
        }
    }
    let recorded: BTreeMap<String, String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    for (name, text) in &pages {
        let change = "look at it and accept it with KACHING_ACCEPT=1";
        assert!(recorded.get(name) == Some(text), "the help of {name} is not as recorded: {change}");
    }
    assert_eq!(recorded.keys().collect::<Vec<_>>(), pages.keys().collect::<Vec<_>>());
}

/// `$ kaching license create --help` and what it says; global arguments are listed once, at the top.
fn page(command: &mut clap::Command) -> String {
    let name = command.get_bin_name().unwrap_or("kaching").to_owned();
    let text = command.render_help().to_string();
    let text = match text.split_once("\nEverywhere:\n") {
        Some((before, after)) if name != "kaching" => {
            let more = after.split_once("\n\n").map_or("", |(_, more)| more);
            format!("{before}\n{more}")
        }
        _ => text,
    };
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("$ {name} --help\n{}\n", lines.join("\n").trim_end())
}
