//! The dependencies between crates: `cargo metadata` must agree with the table of `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::DependencyKind;

use crate::{none_found, workspace};

/// Crates that do no I/O, read no clock, own no randomness and start no thread.
pub(crate) const PURE: &[&str] = &["base", "license", "domain"];

/// The dependencies of the pure crates outside the workspace. None of them does I/O.
const PURE_DEPENDENCIES: &[&str] = &[
    "aws-lc-rs",
    "base64",
    "ed25519-dalek",
    "hmac",
    "idna",
    "jiff",
    "psl",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "utoipa",
    "zeroize",
];

/// Dependencies that a crate must never have, besides the rules of the table. The dependencies of a feature concern only
/// those that enable it.
const NEVER: &[(&str, &[&str])] = &[
    ("authority", &["axum", "http", "hyper", "postgres", "rusqlite", "tower"]),
    ("server", &["postgres", "rusqlite"]),
    ("client", &["axum", "hyper", "tokio"]),
    ("command", &["postgres", "rusqlite"]),
    ("bench", &["postgres", "rusqlite"]),
    ("demo", &["postgres", "rusqlite"]),
    ("kaching", &["postgres", "rusqlite"]),
];

#[test]
fn crates_depend_only_on_crates_of_their_row() {
    let table = table();
    let drawn: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    let there = workspace::packages();
    let there: BTreeSet<&str> = there.keys().map(|name| short(name)).collect();
    none_found("Who may know whom: crates in the table but not in the workspace", drawn.difference(&there));
    none_found("Who may know whom: crates in the workspace but not in the table", there.difference(&drawn));

    let mut findings = Vec::new();
    for (name, package) in workspace::packages() {
        let allowed = &table[short(&name)];
        for known in ours(package, &[DependencyKind::Normal, DependencyKind::Build]) {
            if !allowed.contains(&known) {
                findings.push(format!("{} must not know {known}", short(&name)));
            }
        }
        let known = ours(package, &[DependencyKind::Normal, DependencyKind::Build]);
        findings.extend(
            allowed.difference(&known).map(|drawn| format!("{} does not know {drawn}", short(&name))),
        );
    }
    none_found("Who may know whom is drawn in ARCHITECTURE.md, and nothing else is", findings);
}

#[test]
fn tests_know_what_their_crate_knows_and_the_testkit() {
    let table = table();
    let mut findings = Vec::new();
    for (name, package) in workspace::packages() {
        let name = short(&name);
        for known in ours(package, &[DependencyKind::Development]) {
            let testkit = known == "testkit" && !PURE.contains(&name);
            // A crate may ask itself for a feature in its tests.
            // The tests of the binary run the whole product.
            if !testkit && name != "kaching" && known != name && !table[name].contains(&known) {
                findings.push(format!("the tests of {name} must not know {known}"));
            }
        }
        if ours(package, &[DependencyKind::Normal, DependencyKind::Build]).contains("testkit") {
            findings.push(format!("{name} ships the testkit"));
        }
    }
    none_found("The testkit is a dev-dependency of all but the pure crates", findings);
}

#[test]
fn the_guarded_products_know_only_the_client() {
    for name in ["kaching-example-cluster", "kaching-example-notes"] {
        let package = workspace::packages()[name];
        let kinds = [DependencyKind::Normal, DependencyKind::Build, DependencyKind::Development];
        let known = ours(package, &kinds);
        assert_eq!(
            known,
            BTreeSet::from(["client".to_owned()]),
            "{name}: what a customer's product can have"
        );
    }
}

#[test]
fn pure_crates_depend_on_nothing_that_reaches_out() {
    let mut findings = Vec::new();
    for name in PURE {
        let package = workspace::packages()[&format!("kaching-{name}")];
        for outside in workspace::dependencies(package, DependencyKind::Normal) {
            if !outside.starts_with("kaching") && !PURE_DEPENDENCIES.contains(&outside.as_str()) {
                findings.push(format!("{name} depends on {outside}"));
            }
        }
    }
    none_found("A pure crate depends only on what does no I/O", findings);
}

#[test]
fn crates_depend_only_on_their_own_libraries() {
    let mut findings = Vec::new();
    for (name, never) in NEVER {
        let full = if *name == "kaching" { "kaching".to_owned() } else { format!("kaching-{name}") };
        let all = &workspace::packages()[&full].dependencies;
        let always = all.iter().filter(|on| on.kind == DependencyKind::Normal && !on.optional);
        let found = always.filter(|on| never.contains(&on.name.as_str()));
        findings.extend(found.map(|on| format!("{name} depends on {}", on.name)));
    }
    none_found("HTTP stays in the server, SQL engines in db, the runtime out of the client", findings);
}

#[test]
fn crates_share_their_settings() {
    let mut findings = Vec::new();
    for (name, package) in workspace::packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("the manifest");
        for line in ["version.workspace = true", "edition.workspace = true", "[lints]\nworkspace = true"] {
            if !format!("\n{manifest}").contains(&format!("\n{line}\n")) {
                findings.push(format!("{name}: {line:?} is missing"));
            }
        }
        if package.description.is_none() {
            findings.push(format!("{name}: no description"));
        }
    }
    none_found("Every crate takes version, edition and lints from the workspace", findings);
}

/// The table *Who may know whom* of `ARCHITECTURE.md`: a crate, and the crates that it may know.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = workspace::read("ARCHITECTURE.md");
    let section = text
        .split("## Who may know whom")
        .nth(1)
        .expect("the section")
        .split("\n## ")
        .next()
        .unwrap_or_default();
    let table: BTreeMap<_, _> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split_once("` |"))
        .map(|(name, rest)| (name.to_owned(), names(rest.split('|').next().unwrap_or_default())))
        .collect();
    assert!(table.len() > 5, "the table of ARCHITECTURE.md cannot be read");
    table
}

/// The names in back quotes.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn ours(package: &cargo_metadata::Package, kinds: &[DependencyKind]) -> BTreeSet<String> {
    let of_kind = kinds.iter().flat_map(|kind| workspace::dependencies(package, *kind));
    of_kind.filter(|name| name.starts_with("kaching")).map(|name| short(&name).to_owned()).collect()
}

/// `kaching-db` is `db`, the binary is `kaching`.
fn short(name: &str) -> &str {
    match name.strip_prefix("kaching-") {
        Some("example-cluster") => "examples/cluster",
        Some("example-notes") => "examples/notes",
        Some(short) => short,
        None => name,
    }
}
