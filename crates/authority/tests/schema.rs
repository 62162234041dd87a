//! The schema, for those who look at it; and every statement, prepared on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(test)]
#[path = "schema/statements.rs"]
mod statements;

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
    let statements = statements::below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(statements.len() > 140, "only {} statements were found: is the scan broken?", statements.len());
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
