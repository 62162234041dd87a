use kaching_db::{Error, Migration, Migrations, Tx};
use tokio::task::JoinSet;

use crate::{count, on_each};

const FIRST: Migration = Migration {
    name: "0001_things",
    sqlite: "create table things (id blob primary key, name text not null);\ncreate index things_name on things (name);",
    postgres: "create table things (id uuid primary key, name text not null);\ncreate index things_name on things (name);",
    minimum_version: "0.1.0",
};
const SECOND: Migration = Migration {
    name: "0002_colours",
    sqlite: "alter table things add column colour text",
    postgres: "alter table things add column colour text",
    minimum_version: "0.1.0",
};
const EDITED: Migration = Migration { sqlite: "select 1", postgres: "select 1", ..FIRST };
const BREAKING: Migration = Migration { minimum_version: "0.3.0", ..SECOND };
const FAULTY: Migration = Migration {
    name: "0003_faulty",
    sqlite: "create table half (id bigint); insert into nowhere values (1);",
    postgres: "create table half (id bigint); insert into nowhere values (1);",
    minimum_version: "0.1.0",
};

const fn at(version: &'static str, list: &'static [Migration]) -> Migrations {
    Migrations { version, list }
}

fn refusal(outcome: Result<Vec<&'static str>, Error>) -> String {
    match outcome {
        Err(error @ Error::Migration { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_missing_is_applied_once() {
    on_each(async |_, db| {
        assert_eq!(db.migrate(&at("0.1.0", &[FIRST])).await, Ok(vec!["0001_things"]));
        assert_eq!(db.migrate(&at("0.1.0", &[FIRST])).await, Ok(vec![]));
        let both = at("0.2.0", &[FIRST, SECOND]);
        assert_eq!(db.migrate(&both).await, Ok(vec!["0002_colours"]));
        assert_eq!(count(&db, "select count(*) from things where colour is null").await, 0);
        let schema = db.schema_text().await.unwrap();
        assert!(schema.contains("things_name") && schema.contains("colour"), "{schema}");
        assert!(schema.lines().is_sorted(), "{schema}");
    })
    .await;
}

#[tokio::test]
async fn statements_that_were_prepared_before_a_change_go_on() {
    on_each(async |_, db| {
        db.migrate(&at("0.1.0", &[FIRST])).await.unwrap();
        let names = async || {
            let all = |tx: &mut Tx<'_>| tx.query_all("select * from things", &[], |row| row.get::<String>(1));
            // Once by every reader.
            for _ in 0..20 {
                assert_eq!(db.read("names", all).await, Ok(vec![]));
            }
        };
        names().await;
        db.migrate(&at("0.2.0", &[FIRST, SECOND])).await.unwrap();
        names().await;
    })
    .await;
}

#[tokio::test]
async fn servers_that_start_together_apply_each_once() {
    on_each(async |_, db| {
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let db = db.clone();
            tasks.spawn(async move { db.migrate(&at("0.2.0", &[FIRST, SECOND])).await });
        }
        let applied: Vec<_> = tasks.join_all().await.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(applied.len(), 2, "{applied:?}");
    })
    .await;
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    on_each(async |_, db| {
        db.migrate(&at("0.1.0", &[FIRST])).await.unwrap();
        let reason = refusal(db.migrate(&at("0.1.0", &[EDITED, SECOND])).await);
        assert!(reason.starts_with("migration 0001_things: its text differs"), "{reason}");
        assert_eq!(db.migrate(&at("0.1.0", &[FIRST])).await, Ok(vec![]));
    })
    .await;
}

#[tokio::test]
async fn the_previous_release_serves_an_expanded_schema_and_refuses_a_contracted_one() {
    on_each(async |_, db| {
        db.migrate(&at("0.2.0", &[FIRST, SECOND])).await.unwrap();
        assert_eq!(db.migrate(&at("0.1.0", &[FIRST])).await, Ok(vec![]));
    })
    .await;
    on_each(async |_, db| {
        db.migrate(&at("0.3.0", &[FIRST, BREAKING])).await.unwrap();
        let too_new = Error::SchemaTooNew { needed: "0.3.0".to_owned(), ours: "0.2.9".to_owned() };
        assert_eq!(db.migrate(&at("0.2.9", &[FIRST])).await, Err(too_new));
    })
    .await;
}

#[tokio::test]
async fn histories_that_parted_are_refused() {
    on_each(async |_, db| {
        db.migrate(&at("0.2.0", &[SECOND_ALONE])).await.unwrap();
        let reason = refusal(db.migrate(&at("0.2.0", &[FIRST])).await);
        assert!(reason.contains("the database lacks it but has 0002_alone"), "{reason}");
    })
    .await;
}

const SECOND_ALONE: Migration =
    Migration { name: "0002_alone", sqlite: "select 1", postgres: "select 1", minimum_version: "0.1.0" };

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_half_done() {
    on_each(async |_, db| {
        let reason = refusal(db.migrate(&at("0.2.0", &[FIRST, SECOND, FAULTY])).await);
        assert!(reason.contains("0003_faulty") && reason.contains("nowhere"), "{reason}");
        let schema = db.schema_text().await.unwrap();
        assert!(schema.contains("things") && !schema.contains("half"), "{schema}");
        assert_eq!(count(&db, "select count(*) from schema_migrations").await, 2);
    })
    .await;
}

#[test]
fn a_list_out_of_order_or_ahead_of_its_program_is_refused() {
    assert_eq!(at("0.1.0", &[FIRST, SECOND]).check(), Ok(()));
    for wrong in
        [at("0.1.0", &[SECOND, FIRST]), at("0.1.0", &[FIRST, FIRST]), at("0.2.0", &[FIRST, BREAKING])]
    {
        assert!(matches!(wrong.check(), Err(Error::Migration { .. })));
    }
}

#[test]
fn both_folders_hold_what_is_compiled_in() {
    let folder = tempfile::tempdir().unwrap();
    let [sqlite, postgres] = ["sqlite", "postgres"].map(|engine| folder.path().join(engine));
    for (folder, text) in [(&sqlite, FIRST.sqlite), (&postgres, FIRST.postgres)] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("0001_things.sql"), text).unwrap();
    }
    let check = |list| at("0.1.0", list).check_folders(&sqlite, &postgres).map_err(|error| error.to_string());
    assert_eq!(check(&[FIRST]), Ok(()));
    assert!(check(&[EDITED]).unwrap_err().contains("another text"));
    assert!(check(&[FIRST, SECOND]).unwrap_err().contains("lacks it"));
    std::fs::write(postgres.join("0002_colours.sql"), "").unwrap();
    assert!(check(&[FIRST]).unwrap_err().contains("the list of migrations does not"));
}
