use std::{collections::BTreeMap, path::Path};

use clap::CommandFactory as _;

use super::*;

#[test]
fn no_command_contradicts_itself() {
    Cli::command().debug_assert();
}

#[test]
fn what_is_for_everywhere_stands_anywhere() {
    let lines = [
        "kaching --json stats --data x",
        "kaching license list --json --data x",
        "kaching --data x license --json list",
    ];
    for line in lines {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert!(cli.everywhere.json && cli.everywhere.data.is_some(), "{line}");
    }
}

/// The help of every command stands in `surface/cli-help`, one file a noun; accept a change with KACHING_ACCEPT=1.
#[test]
fn the_help_is_as_it_was_recorded() {
    let mut pages = BTreeMap::new();
    let mut root = Cli::command().term_width(100);
    root.build();
    pages.insert("kaching".to_owned(), page(&mut root.clone()));
    for noun in root.get_subcommands_mut() {
        let name = noun.get_name().to_owned();
        let mut text = page(&mut noun.clone());
        for verb in noun.get_subcommands_mut() {
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

/// `$ kaching license create --help` and what it says; what is for everywhere is said once, at the top.
fn page(command: &mut clap::Command) -> String {
    let name = command.get_bin_name().unwrap_or("kaching").to_owned();
    let text = command.render_help().to_string();
    let text = match text.split_once("\nEverywhere:\n") {
        Some((before, _)) if name != "kaching" => before.to_owned() + "\n",
        _ => text,
    };
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("$ {name} --help\n{}\n", lines.join("\n").trim_end())
}
