//! Migrations: one set of names for both engines, in order, and never edited once landed.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{none_found, workspace};

const FOLDER: &str = "crates/authority/migrations";
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

#[test]
fn both_engines_have_the_same_names_in_order() {
    let [sqlite, postgres] = ENGINES.map(names);
    assert_eq!(sqlite, postgres, "each migration is written for both engines, under the same name");
    let number = |name: &str| name.split('_').next().and_then(|digits| digits.parse::<usize>().ok());
    let misplaced = sqlite.iter().enumerate().filter(|(at, name)| number(name) != Some(at + 1));
    none_found("Migrations are numbered from 1 without a gap", misplaced.map(|(_, name)| name));
}

/// With `KACHING_ACCEPT=1` new migrations are added to the record; one that changed is never accepted.
#[test]
fn landed_migrations_are_not_edited() {
    let record = format!("{FOLDER}/landed.txt");
    let text = std::fs::read_to_string(workspace::root().join(&record)).unwrap_or_default();
    let landed: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
    let there = sums();

    let edited =
        there.iter().filter(|(name, sum)| landed.get(name.as_str()).is_some_and(|known| known != sum));
    none_found("A migration that landed is never edited: write the next one", edited.map(|(name, _)| name));
    none_found(
        "A migration that landed is never removed",
        landed.keys().filter(|name| !there.contains_key(**name)),
    );

    let new: Vec<&String> = there.keys().filter(|name| !landed.contains_key(name.as_str())).collect();
    if !new.is_empty() && std::env::var_os("KACHING_ACCEPT").is_some() {
        let lines: String = there.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        std::fs::write(workspace::root().join(&record), lines).expect("the record can be written");
        return;
    }
    none_found(
        &format!("New migrations: run this test with KACHING_ACCEPT=1 to record them in {record}"),
        new,
    );
}

/// The tables that the migrations make.
pub(crate) fn tables() -> Vec<String> {
    let mut tables: Vec<String> = ENGINES
        .iter()
        .flat_map(|engine| workspace::files(&format!("{FOLDER}/{engine}"), "sql"))
        .flat_map(|path| created(&workspace::read(&path).to_lowercase()))
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

fn created(sql: &str) -> Vec<String> {
    let after = sql.split("create table").skip(1);
    let named = after.map(|rest| rest.trim_start().trim_start_matches("if not exists").trim_start());
    named
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .map(str::to_owned)
        .collect()
}

fn names(engine: &str) -> Vec<String> {
    let paths = workspace::files(&format!("{FOLDER}/{engine}"), "sql");
    assert!(!paths.is_empty(), "{FOLDER}/{engine} holds no migration");
    paths.iter().filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect()
}

fn sums() -> BTreeMap<String, String> {
    let paths = ENGINES.iter().flat_map(|engine| workspace::files(&format!("{FOLDER}/{engine}"), "sql"));
    paths
        .map(|path| {
            let sum = Sha256::digest(workspace::read(&path).as_bytes());
            let name = path.strip_prefix(&format!("{FOLDER}/")).expect("below the folder").to_owned();
            (name, sum.iter().map(|byte| format!("{byte:02x}")).collect())
        })
        .collect()
}
