//! The form of files: their size, their names, and no loose ends.

use crate::source::{self, Source};
use crate::tokens::Facts;
use crate::{none_found, workspace};

/// Above this a file is listed, not refused.
const LONG: usize = 400;
/// Above this, tests apart, a file is refused.
const TOO_LONG: usize = 600;
/// Half of the files are at most this long.
const MEDIAN: usize = 200;

/// A function fits a screen; above this it is refused.
const FUNCTION: usize = 90;

const NAMES_OF_NOTHING: &[&str] = &["mod", "utils", "util", "common", "helpers", "helper", "manager", "misc"];
const LOOSE_WORDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];
const LOOSE_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];
/// The crate in which tests wait for another process, with a bound.
const MAY_WAIT: &[&str] = &["crates/testkit/"];

#[test]
fn files_are_short() {
    let mut sizes: Vec<(usize, &Source)> =
        source::all().iter().map(|source| (source.lines(), source)).collect();
    sizes.sort_by_key(|(lines, source)| (*lines, &source.path));
    let median = sizes[sizes.len() / 2].0;
    let total: usize = sizes.iter().map(|(lines, _)| lines).sum();
    println!("{} files, {total} lines, median {median}", sizes.len());
    for (lines, source) in sizes.iter().filter(|(lines, _)| *lines > LONG) {
        println!("  {lines:5} {} ({} without its tests)", source.path, source.lines_without_tests());
    }
    assert!(median <= MEDIAN, "half of the files are longer than {median} lines; {MEDIAN} is the most");
    let too_long = source::all().iter().filter(|source| source.lines_without_tests() > TOO_LONG);
    none_found(
        &format!("No file is over {TOO_LONG} lines without its tests"),
        too_long.map(|source| format!("{}: {} lines", source.path, source.lines_without_tests())),
    );
}

#[test]
fn functions_fit_a_screen() {
    let mut findings = Vec::new();
    for source in source::all() {
        for (facts, _) in source.facts() {
            let long = facts.functions.iter().filter(|function| function.lines > FUNCTION);
            findings.extend(long.map(|function| {
                format!("{}: {}: {} lines", source.at(function.line), function.name, function.lines)
            }));
        }
    }
    none_found(&format!("No function is over {FUNCTION} lines"), findings);
}

#[test]
fn files_are_named_for_their_content() {
    let named = |source: &&Source| {
        let stem = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        NAMES_OF_NOTHING.contains(&stem)
    };
    none_found(
        "A name that says nothing, or mod.rs",
        source::all().iter().filter(named).map(|source| &source.path),
    );
}

#[test]
fn no_loose_ends() {
    let mut findings = Vec::new();
    for source in source::all() {
        for (facts, _) in source.facts() {
            for spot in facts.macros.iter().filter(|spot| LOOSE_MACROS.contains(&spot.word.as_str())) {
                findings.push(format!("{}: {}!", source.at(spot.line), spot.word));
            }
            findings.extend(loose_attributes(source, facts));
        }
        for (number, line) in source.text.lines().enumerate() {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            if comment.split(|c: char| !c.is_alphanumeric()).any(|word| LOOSE_WORDS.contains(&word)) {
                findings.push(format!("{}: {}", source.at(number + 1), comment.trim()));
            }
        }
    }
    none_found("No loose ends", findings);
}

fn loose_attributes(source: &Source, facts: &Facts) -> Vec<String> {
    let loose = |word: &str| {
        let word = word
            .strip_prefix("cfg_attr(")
            .map_or(word, |rest| rest.split_once(',').map_or(rest, |(_, it)| it));
        word == "ignore"
            || word.starts_with("ignore=")
            || word.starts_with("allow(")
            || (word.starts_with("expect(") && !word.contains("reason="))
    };
    let found = facts.attributes.iter().filter(|spot| loose(&spot.word));
    found.map(|spot| format!("{}: #[{}]", source.at(spot.line), spot.word)).collect()
}

#[test]
fn tests_do_not_sleep() {
    let mut findings = Vec::new();
    for source in
        source::all().iter().filter(|source| !MAY_WAIT.iter().any(|place| source.path.starts_with(place)))
    {
        for (facts, _) in source.facts().into_iter().filter(|(_, test)| *test) {
            for spot in facts.paths.iter().filter(|spot| spot.word.rsplit("::").next() == Some("sleep")) {
                findings.push(format!("{}: {}", source.at(spot.line), spot.word));
            }
        }
    }
    none_found("A test waits for what it expects, it does not sleep", findings);
}

#[test]
fn manifests_pin_nothing_by_path_outside() {
    let outside =
        workspace::files("", "toml").into_iter().filter(|path| path.ends_with("Cargo.toml")).filter(|path| {
            workspace::read(path).lines().any(|line| line.contains("git = \"") || line.contains("path = \"/"))
        });
    none_found("Every dependency comes from the registry or from this workspace", outside);
}
