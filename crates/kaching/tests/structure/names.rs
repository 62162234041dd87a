//! Names: a type's name is unique in its crate, and items use the words of the glossary.

use std::collections::BTreeMap;

use crate::{none_found, source, workspace};

#[test]
fn a_type_name_is_unique_in_its_crate() {
    let mut findings = Vec::new();
    for folder in workspace::checked_crates() {
        let mut places = BTreeMap::<_, Vec<String>>::new();
        for source in source::modules(&folder).values() {
            for spot in &source.facts()[0].0.types {
                places.entry(&spot.word).or_default().push(source.at(spot.line));
            }
        }
        assert!(!places.is_empty(), "{folder} has no type");
        let double = places.iter().filter(|(_, places)| places.len() > 1);
        findings.extend(double.map(|(name, places)| format!("{name}: {}", places.join(", "))));
    }
    none_found(
        "A type name is unique in its crate: if two types want one name, neither has the right one",
        findings,
    );
}

/// The glossary has a table of near words that are kept apart: the word, its meaning, and the words that items must not
/// be named with.
#[test]
fn items_are_named_with_the_words_of_the_glossary() {
    let glossary = workspace::read("docs/GLOSSARY.md");
    let (_, section) = glossary.split_once("## Words kept apart\n").expect("the section of the glossary");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut avoided = Vec::new();
    for row in section.lines().filter(|line| line.starts_with("| **")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        avoided.extend(cells[3].split(", ").map(|word| (word.trim_matches('`'), cells[1].trim_matches('*'))));
    }
    assert!(avoided.len() > 2, "the glossary keeps only {avoided:?} apart");

    let mut findings = Vec::new();
    for folder in workspace::checked_crates() {
        for source in source::modules(&folder).values() {
            for spot in &source.facts()[0].0.names {
                let name = spot.word.to_lowercase();
                let found = avoided.iter().filter(|(word, _)| name.contains(word));
                findings.extend(
                    found.map(|(_, right)| format!("{}: {}: say {right}", source.at(spot.line), spot.word)),
                );
            }
        }
    }
    none_found("docs/GLOSSARY.md has one word for each act, and items are named with it", findings);
}
