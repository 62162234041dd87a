//! The schema, for those who look at it; and every statement, prepared on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

use kaching_db::{Config, Db, Engine, Metrics};
use kaching_testkit::World;
use prometheus_client::registry::Registry;

async fn database(world: &World) -> Db {
    let config: Config = world.database.clone();
    Db::open(config, Metrics::register(&mut Registry::default())).await.unwrap()
}

#[tokio::test]
async fn the_schema_is_the_one_on_the_surface() {
    let mut text = String::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let world = World::on(engine).await;
        let schema = database(&world).await.schema_text().await.unwrap();
        text += &format!("# {}\n\n{}\n\n", engine.as_str(), schema.trim_end());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../surface/schema.txt");
    if std::env::var_os("KACHING_ACCEPT").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let accepted = fs::read_to_string(&path).unwrap_or_default();
    assert!(accepted == text, "the schema changed: look at it and accept it with KACHING_ACCEPT=1");
}

#[tokio::test]
async fn every_statement_is_understood_by_both_engines() {
    let mut statements = Vec::new();
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut statements);
    assert!(statements.len() > 60, "only {} statements were found: is the scan broken?", statements.len());
    World::each(|world| {
        let statements = statements.clone();
        async move {
            let db = database(&world).await;
            for (file, statement) in statements {
                let statement: &'static str = Box::leak(statement.into_boxed_str());
                let prepared = db.read("test.prepare", move |tx| tx.prepare(statement)).await;
                assert!(prepared.is_ok(), "{file}: {statement}\n{prepared:?}");
            }
        }
    })
    .await;
}

fn read_folder(folder: &Path, statements: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_folder(&path, statements);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let found = statements_of(&source);
            statements.extend(found.into_iter().map(|statement| (path.display().to_string(), statement)));
        }
    }
}

/// The literals that are whole statements, and those that `select!` completes from the columns of its file.
fn statements_of(source: &str) -> Vec<String> {
    let literals = literals(source);
    let is_statement = |text: &str| {
        ["select ", "insert into ", "update ", "delete from "].iter().any(|verb| text.starts_with(verb))
    };
    let literal = |ending: &str| literals.iter().position(|(before, _)| before.ends_with(ending));
    let columns = match (literal("() => {\n        "), literal("concat!(")) {
        // `concat!("select ", columns!(), " from …", $rest)`
        (Some(columns), Some(select)) if literals[select].1 == "select " => {
            Some(format!("select {}{}", literals[columns].1, literals[select + 1].1))
        }
        _ => literal("concat!(\n            ")
            .map(|at| literals[at].1.clone())
            .filter(|text| is_statement(text)),
    };
    let mut statements = Vec::new();
    for (before, text) in &literals {
        let builds = before.ends_with("Sql::new(") || before.trim_end().ends_with("concat!(");
        match &columns {
            Some(columns) if before.ends_with("select!(") => statements.push(format!("{columns}{text}")),
            _ if is_statement(text) && !builds => statements.push(text.clone()),
            _ => {}
        }
    }
    statements
}

/// Every string literal, with up to 24 characters of what stands before it.
fn literals(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line_start in source.match_indices('"').map(|(at, _)| at) {
        // A quote that ends a literal is passed over below, by position.
        if found.last().is_some_and(|(_, _, end): &(String, String, usize)| line_start <= *end) {
            continue;
        }
        let Some(length) = end_of(&source[line_start + 1..]) else { break };
        let before: String =
            source[..line_start].chars().rev().take(24).collect::<Vec<_>>().into_iter().rev().collect();
        let text = source[line_start + 1..line_start + 1 + length].replace("\\\"", "\"");
        found.push((before, text, line_start + 1 + length));
    }
    found.into_iter().map(|(before, text, _)| (before, text)).collect()
}

fn end_of(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| match c {
        '"' if !escaped => Some(at),
        _ => {
            escaped = c == '\\' && !escaped;
            None
        }
    })
}
