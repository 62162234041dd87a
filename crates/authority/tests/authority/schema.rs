//! The schema, as recorded; every statement, prepared on both engines; the growth of every table.

mod growth;
mod statements;

use std::{fs, path::Path};

use kaching_authority::{Actor, Cx, NewCustomer};
use kaching_base::TokenId;
use kaching_db::{Config, Db, Engine, Metrics, params};
use kaching_testkit::World;
use prometheus_client::registry::Registry;

async fn database(world: &World) -> Db {
    let config: Config = world.database.clone();
    Db::open(config, Metrics::register(&mut Registry::default())).await.unwrap()
}

#[tokio::test]
async fn the_schema_is_recorded() {
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

/// In a table without rowid, a row longer than a quarter of a page takes a page of its own besides.
#[tokio::test]
async fn rows_of_growing_tables_fill_their_pages() {
    let world = World::on(Engine::Sqlite).await;
    for number in 0..300 {
        let name = format!("Customer {number} with a name of some length, as they have it on their invoices");
        let metadata = (0..4).map(|at| (format!("member_{at}"), "of some length, too".repeat(4))).collect();
        let new = NewCustomer { name, metadata, ..NewCustomer::default() };
        let operator = Cx::of(Actor::Token(TokenId::from_bytes([5; 16])));
        world.authority.create_customer(operator, new).await.unwrap();
    }
    let db = database(&world).await;
    let keep = |number: i64| {
        let sql = "insert into idempotency_keys (scope, idempotency_key, body, answer, created_at)
                   values ('test', ?1, zeroblob(32), zeroblob(700), ?2)";
        let key = format!("key-{number}");
        db.write("test.keep", move |tx| tx.execute(sql, params![key.as_str(), number]))
    };
    for number in 0..300 {
        keep(number).await.unwrap();
    }
    let sql = "select name, sum(payload), sum(pgsize) from dbstat group by name having sum(pgsize) > 65536";
    let tables: Vec<(String, i64, i64)> = db
        .read("test.room", move |tx| {
            tx.query_all(sql, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })
        .await
        .unwrap();
    for named in ["audit_entries", "audit_private", "idempotency_keys"] {
        let (_, payload, room) = tables.iter().find(|(name, ..)| name == named).expect("it grew");
        assert!(payload * 10 > room * 6, "{named}: {payload} of {room} bytes are used");
    }
    db.close().await;
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
