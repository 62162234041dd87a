//! A table as it is, from one engine to the other.

use kaching_db::{Cell, CopyProgress, Engine, Migration, Migrations, Sum};

use crate::*;

const STEPS: Migrations = Migrations {
    version: "0.1.0",
    list: &[Migration {
        name: "0001_things",
        sqlite: "create table things (id blob primary key, owner text not null references \"order\" (name), yes integer not null,
                   bytes blob, n integer, twice integer generated always as (n * 2) stored) strict;
                 create table \"order\" (name text primary key, note text) strict, without rowid;
                 create table pairs (b text, a integer, primary key (a, b)) strict, without rowid;",
        postgres: "create table \"order\" (name text primary key, note text);
                   create table things (id uuid primary key, owner text not null references \"order\" (name), yes boolean not null,
                   bytes bytea, n bigint, twice bigint generated always as (n * 2) stored);
                   create table pairs (b text, a bigint, primary key (a, b));",
        minimum_version: "0.1.0",
    }],
};

fn rows(of: &str) -> Vec<Vec<Cell>> {
    let text = |text: &str| Cell::Text(text.to_owned());
    match of {
        "order" => ["b", "B", "ä", "", "a-b", "ab"].map(|name| vec![text(name), Cell::Null]).to_vec(),
        "things" => (0..1234_u16)
            .map(|n| {
                let mut id = vec![7; 14];
                id.extend(n.to_be_bytes());
                let bytes = if n % 3 == 0 { Cell::Null } else { Cell::Bytes(vec![0; usize::from(n % 5)]) };
                let number =
                    if n % 2 == 0 { Cell::Int(i64::MIN + i64::from(n)) } else { Cell::Int(i64::from(n)) };
                // bytes, id, n, owner, yes
                vec![
                    bytes,
                    Cell::Bytes(id),
                    if n % 2 == 0 { Cell::Null } else { number },
                    text("ä"),
                    Cell::Int(i64::from(n % 2)),
                ]
            })
            .collect(),
        _ => (0..2500)
            .map(|n| vec![Cell::Int(n / 100), text(&format!("{}-{n}", if n % 2 == 0 { "x" } else { "X" }))])
            .collect(),
    }
}

#[tokio::test]
async fn what_is_written_on_one_engine_is_read_on_both() {
    let mut sums: Vec<Vec<(u64, Sum)>> = Vec::new();
    for scratch in engines() {
        let db = scratch.open().await;
        db.migrate(&STEPS).await.unwrap();
        let tables = db.read("test.tables", |tx| tx.tables()).await.unwrap();
        let order: Vec<_> = tables.iter().map(|table| table.name().to_owned()).collect();
        assert_eq!(order, ["order", "pairs", "things"], "each behind those that it refers to");
        assert_eq!(
            tables[2].names().collect::<Vec<_>>(),
            ["bytes", "id", "n", "owner", "yes"],
            "nothing computed"
        );
        for table in tables.clone() {
            db.write("test.fill", move |tx| tx.fill(&table, &rows(table.name()))).await.unwrap();
        }
        let found = db.read("test.sum", move |tx| tables.iter().map(|table| tx.sum(table)).collect()).await;
        sums.push(found.unwrap());
        db.close().await;
    }
    let expected: Vec<_> = ["order", "pairs", "things"]
        .map(|name| {
            let mut sum = Sum::default();
            rows(name).iter().for_each(|row| sum.add(row));
            (rows(name).len() as u64, sum)
        })
        .to_vec();
    assert_eq!(sums, [expected.clone(), expected]);
}

#[tokio::test]
async fn a_server_knows_what_was_written() {
    let scratch = Scratch::new(Engine::Postgres);
    let db = scratch.open().await;
    db.migrate(&STEPS).await.unwrap();
    let tables = db.read("test.tables", |tx| tx.tables()).await.unwrap();
    let filled = tables.clone();
    db.write("test.fill", move |tx| filled.iter().try_for_each(|table| tx.fill(table, &rows(table.name()))))
        .await
        .unwrap();
    db.write("test.analyze", move |tx| tx.analyze(&tables)).await.unwrap();
    let known =
        "select cast(sum(reltuples) as bigint) from pg_class where relname in ('order', 'pairs', 'things')";
    assert_eq!(count(&db, known).await, 6 + 2500 + 1234);
    db.close().await;
}

#[tokio::test]
async fn what_cannot_be_copied_is_named() {
    for scratch in engines() {
        let db = scratch.open().await;
        let sql = match scratch.engine() {
            Engine::Sqlite => "create table odd (id integer primary key, x real)",
            Engine::Postgres => "create table odd (id bigint primary key, x real)",
        };
        assert_eq!(db.read("test.first", |tx| tx.first_table()).await.unwrap(), None);
        db.write("test.odd", move |tx| tx.execute(sql, &[])).await.unwrap();
        assert_eq!(db.read("test.first", |tx| tx.first_table()).await.unwrap().as_deref(), Some("odd"));
        let error = db.read("test.tables", |tx| tx.tables()).await.unwrap_err().to_string();
        assert!(error.contains("odd.x") && error.contains("real"), "{error}");
        db.close().await;
    }
}

#[tokio::test]
async fn a_copy_knows_its_progress() {
    for scratch in engines() {
        let db = scratch.open().await;
        assert_eq!(db.unfinished().await.unwrap(), None);
        db.write("test.begin", |tx| tx.begin_copy("a backup")).await.unwrap();
        db.write("test.copied", |tx| tx.copied("things", 12)).await.unwrap();
        let progress = CopyProgress { origin: "a backup".to_owned(), table: "things".to_owned(), rows: 12 };
        assert_eq!(db.unfinished().await.unwrap(), Some(progress));
        assert!(
            db.read("test.tables", |tx| tx.tables()).await.unwrap().is_empty(),
            "what is ours is not copied"
        );
        db.write("test.end", |tx| tx.end_copy()).await.unwrap();
        assert_eq!(db.unfinished().await.unwrap(), None);
        db.close().await;
    }
}

#[test]
fn a_backup_of_a_later_schema_is_reported_as_such() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(STEPS.those(&names(&["0001_things"]), "0.1.0").unwrap().list.len(), 1);
    assert_eq!(STEPS.those(&[], "0.1.0").unwrap().list.len(), 0);
    for later in [&["0001_things", "0002_more"][..], &["0001_other"]] {
        let error = STEPS.those(&names(later), "0.9.0").err().unwrap();
        assert!(matches!(error, kaching_db::Error::SchemaTooNew { .. }), "{error}");
    }
    for later in ["0.9.0", "nonsense"] {
        assert!(STEPS.those(&names(&["0001_things"]), later).is_err(), "it names {later} as what it needs");
    }
}
