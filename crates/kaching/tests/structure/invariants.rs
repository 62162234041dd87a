//! The invariants of the structure: each crate's forbidden contents, checked in its sources.

use std::collections::BTreeMap;

use crate::source::{self, Source};
use crate::tokens::{Facts, Spot};
use crate::walls::PURE;
use crate::{migrations, none_found};

/// A word is forbidden in a crate if a path has it as a segment; one with `::` if a path starts with it.
struct Forbidden {
    crates: &'static [&'static str],
    why: &'static str,
    words: &'static [&'static str],
    /// Files that may, and why.
    but: &'static [(&'static str, &'static str)],
}

const FORBIDDEN: &[Forbidden] = &[
    Forbidden {
        crates: PURE,
        why: "A pure crate does no I/O, reads no clock, owns no randomness, starts no thread",
        words: &[
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::io::stdin",
            "std::io::stdout",
            "std::os",
            "std::time::Instant",
            "std::time::SystemTime",
            "Instant",
            "SystemTime",
            "Timestamp::now",
            "Zoned::now",
            "jiff::tz",
            "getrandom",
            "rand",
            "rand_chacha",
            "OsRng",
            "thread_rng",
            "tokio",
            "ureq",
            "rayon",
        ],
        but: &[(
            "crates/license/src/sign/keys.rs",
            "aws-lc-rs asks for its generator to blind an RSA signature",
        )],
    },
    Forbidden {
        crates: &["api"],
        why: "Wire types do nothing",
        words: &[
            "std::env",
            "std::fs",
            "std::net",
            "std::thread",
            "Instant",
            "SystemTime",
            "tokio",
            "rand",
            "axum",
        ],
        but: &[],
    },
    Forbidden {
        crates: &["domain"],
        why: "Domain types are not written to the wire: the API has types of its own",
        words: &["Serialize", "Deserialize", "serde", "serde_json"],
        but: &[],
    },
    Forbidden {
        crates: &["authority"],
        why: "The authority knows no HTTP",
        words: &["StatusCode", "axum", "http", "hyper", "HeaderMap", "tower"],
        but: &[],
    },
    Forbidden {
        crates: &[
            "server",
            "command",
            "bench",
            "demo",
            "kaching",
            "client",
            "api",
            "examples/cluster",
            "examples/notes",
        ],
        why: "Only the authority opens transactions",
        words: &["kaching_db", "rusqlite", "Tx"],
        but: &[],
    },
    Forbidden {
        crates: &["server", "command", "bench", "demo", "kaching", "client"],
        why: "The rules are reached through the authority's operations",
        words: &["kaching_domain"],
        but: &[],
    },
    Forbidden {
        crates: &["client"],
        why: "The client never ends its host's process",
        words: &["process::exit", "process::abort"],
        but: &[("crates/client/src/stop.rs", "`stop_with`: a host that asks for it")],
    },
];

#[test]
fn crates_contain_only_their_own_concerns() {
    for rule in FORBIDDEN {
        let mut findings = Vec::new();
        for (source, facts) in rule.crates.iter().flat_map(|name| source::shipped(name)) {
            if rule.but.iter().any(|(path, _)| *path == source.path) {
                continue;
            }
            let found =
                facts.paths.iter().filter(|spot| rule.words.iter().any(|word| mentions(&spot.word, word)));
            findings.extend(found.map(|spot| named(source, spot)));
        }
        none_found(rule.why, findings);
    }
}

#[test]
fn the_client_cannot_panic_by_a_macro() {
    let panics = ["panic", "unreachable", "todo", "unimplemented", "assert", "assert_eq", "assert_ne"];
    let findings = source::shipped("client").into_iter().flat_map(|(source, facts)| {
        let found = facts.macros.iter().filter(|spot| panics.contains(&spot.word.as_str()));
        found.map(|spot| named(source, spot)).collect::<Vec<_>>()
    });
    none_found("The client never panics", findings);
}

#[test]
fn the_client_asks_for_the_system_in_one_place() {
    const PLACE: &str = "crates/client/src/platform";
    const SYSTEMS: &[&str] =
        &["unix", "windows", "target_os", "target_family", "target_vendor", "target_env"];
    let of_system = |attribute: &str| {
        let mut words = attribute.split(|c: char| !c.is_alphanumeric() && c != '_');
        attribute.starts_with("cfg") && words.any(|word| SYSTEMS.contains(&word))
    };
    let of_files = |text: &str| ["/proc/", "/etc/", "/usr/"].iter().any(|start| text.starts_with(start));
    let (mut there, mut elsewhere) = (0, Vec::new());
    for (source, Facts { attributes, macros, paths, texts, .. }) in source::shipped("client") {
        let attributes = attributes.iter().filter(|spot| of_system(&spot.word));
        let macros = macros.iter().filter(|spot| spot.word == "cfg");
        let paths =
            paths.iter().filter(|spot| mentions(&spot.word, "std::os") || mentions(&spot.word, "rustix"));
        let texts = texts.iter().filter(|spot| of_files(&spot.word));
        let found = attributes.chain(macros).chain(paths).chain(texts).map(|spot| named(source, spot));
        if source.path.starts_with(PLACE) { there += found.count() } else { elsewhere.extend(found) }
    }
    none_found(&format!("Only {PLACE} depends on the operating system"), elsewhere);
    assert!(there > 10, "only {there} places found in {PLACE}");
}

#[test]
fn wire_types_have_no_behaviour() {
    const LINES: usize = 16;
    const WORDS: &[&str] = &["loop", "while", "for", "async", "await"];
    let mut findings = Vec::new();
    for (source, facts) in source::shipped("api") {
        for function in facts.functions.iter().filter(|function| !function.of_trait) {
            if function.lines > LINES || function.words.iter().any(|word| WORDS.contains(&word.as_str())) {
                findings.push(format!("{}: fn {}", source.at(function.line), function.name));
            }
        }
    }
    none_found(
        "The API's types are data: except for traits, only constructors and look-ups in a table",
        findings,
    );
}

#[test]
fn db_knows_no_table() {
    let tables = migrations::tables();
    assert!(tables.len() > 5, "the migrations make only {tables:?}");
    let mut findings = Vec::new();
    for (source, facts) in source::shipped("db") {
        for spot in &facts.texts {
            let mut words = spot.word.split(|c: char| !c.is_alphanumeric() && c != '_');
            if speaks_sql(&spot.word) && words.any(|word| tables.iter().any(|table| table == word)) {
                findings.push(named(source, spot));
            }
        }
    }
    none_found("db serves any schema: no statement in it names a table of ours", findings);
}

#[test]
fn the_server_speaks_no_sql() {
    for name in ["server", "command", "bench", "demo", "kaching", "api", "client", "domain"] {
        let findings = source::shipped(name).into_iter().flat_map(|(source, facts)| {
            let found = facts.texts.iter().filter(|spot| speaks_sql(&spot.word));
            found.map(|spot| named(source, spot)).collect::<Vec<_>>()
        });
        none_found(&format!("SQL is in the authority's sql.rs files, not in {name}"), findings);
    }
}

#[test]
fn an_aggregate_keeps_its_sql_in_one_file() {
    let sources = source::shipped("authority");
    let folders: Vec<&str> =
        sources.iter().filter_map(|(source, _)| source.path.strip_suffix("/sql.rs")).collect();
    assert!(folders.len() > 3, "only {folders:?} have a sql.rs");
    let mut findings = Vec::new();
    for (source, facts) in &sources {
        let aggregate = folders.iter().any(|folder| {
            source.path.starts_with(&format!("{folder}/")) || source.path.trim_end_matches(".rs") == *folder
        });
        if aggregate && !source.path.contains("/sql") {
            findings.extend(
                facts.texts.iter().filter(|spot| speaks_sql(&spot.word)).map(|spot| named(source, spot)),
            );
        }
    }
    none_found("An aggregate's statements stand in its sql.rs", findings);
}

#[test]
fn transactions_have_names_of_their_own() {
    let mut places: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    for (source, facts) in source::shipped("authority") {
        for (spot, name) in &facts.calls {
            if let ("write" | "read", Some(name)) = (spot.word.as_str(), name) {
                places.entry(name).or_default().push(source.at(spot.line));
            }
        }
    }
    assert!(places.len() > 10, "only {} transactions found", places.len());
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let odd = places
        .iter()
        .filter(|(name, _)| !name.split_once('.').is_some_and(|(noun, verb)| part(noun) && part(verb)));
    none_found(
        "A transaction is named aggregate.verb",
        odd.map(|(name, at)| format!("{name:?} at {}", at.join(", "))),
    );
    let twice = places.iter().filter(|(_, at)| at.len() > 1);
    none_found(
        "The name of a transaction labels its metrics: one place, one name",
        twice.map(|(name, at)| format!("{name:?} at {}", at.join(", "))),
    );
}

#[test]
fn the_engines_differ_in_few_places() {
    let asked: Vec<String> = source::shipped("authority")
        .into_iter()
        .flat_map(|(source, facts)| {
            facts
                .calls
                .iter()
                .filter(|(spot, _)| spot.word == "engine")
                .map(|(spot, _)| source.at(spot.line))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        asked.len() <= 5,
        "queries are written once; the engine is asked at {} places:\n{}",
        asked.len(),
        asked.join("\n")
    );
}

#[test]
fn every_route_names_its_caller() {
    let mut handlers = 0;
    let mut findings = Vec::new();
    for (source, facts) in source::shipped("server") {
        for function in &facts.functions {
            if !function.attributes.iter().any(|attribute| attribute.starts_with("utoipa::path(")) {
                continue;
            }
            handlers += 1;
            let words = || function.parameters.split(|c: char| !c.is_alphanumeric());
            if !words().any(|word| word == "Caller" || word == "Public") {
                findings.push(format!(
                    "{}: {}({})",
                    source.at(function.line),
                    function.name,
                    function.parameters
                ));
            }
        }
    }
    none_found("Every handler takes a Caller or an explicit Public", findings);
    assert!(handlers > 20, "only {handlers} handlers found");
}

fn mentions(path: &str, word: &str) -> bool {
    if word.contains("::") {
        path == word || path.starts_with(&format!("{word}::")) || path.ends_with(&format!("::{word}"))
    } else {
        path.split("::").any(|segment| segment == word)
    }
}

/// A text that begins like a statement, or that begins like a part of one and goes on in capitals or with a parameter.
fn speaks_sql(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches('\\').trim_start().to_lowercase();
    let mut words = text.split_whitespace();
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("insert", "into") | ("delete", "from") | ("create", "table" | "index" | "unique") => true,
        ("alter" | "drop" | "truncate", "table") => true,
        ("select", rest) => !rest.is_empty() && text.contains(" from ") || rest.starts_with(['1', '?', '$']),
        ("update", _) => text.contains(" set "),
        ("with", _) => text.contains(" as (select"),
        _ => false,
    }
}

fn named(source: &Source, spot: &Spot) -> String {
    format!("{}: {}", source.at(spot.line), spot.word.lines().next().unwrap_or_default())
}

/// The rules must see what they forbid.
#[test]
fn the_reader_of_tokens_finds_each_kind_of_fact() {
    let read = crate::tokens::read(
        r#"use std::{fs::File, time::{self, SystemTime}};
           impl<A, B> From<A> for B { fn from(a: A) -> B { db.write("a.b", || 1) } }
           #[cfg(test)] mod tests { use std::thread; fn f<A, B>() { thread::sleep(1) } }
           #[utoipa::path(get)] pub async fn show(_: Public, Path(id): Path<Id>) { sql("select 1 from t") }"#,
    )
    .expect("Rust");
    let Facts { paths, texts, calls, functions, .. } = &read.shipped;
    let has = |path: &str| paths.iter().any(|spot| mentions(&spot.word, path));
    assert!(has("std::fs") && has("SystemTime") && has("std::time::SystemTime"), "{paths:?}");
    assert!(!has("std::thread") && read.tested.paths.iter().any(|spot| spot.word == "thread::sleep"));
    assert!(
        calls.iter().any(|(spot, name)| spot.word == "write" && name.as_deref() == Some("a.b")),
        "{calls:?}"
    );
    assert!(texts.iter().any(|spot| speaks_sql(&spot.word)));
    let [from, show] = functions.as_slice() else { panic!("{functions:?}") };
    assert!(from.of_trait && !show.of_trait && show.parameters.contains("Public"));
    assert_eq!(show.attributes, ["utoipa::path(get)"]);
}
