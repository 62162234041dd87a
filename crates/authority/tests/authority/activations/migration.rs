//! Migration of an authority from SQLite to PostgreSQL.

use std::{fs, sync::Arc};

use kaching_authority::{
    Actor, MasterKey,
    backup::{Contents, MigrateOptions, migrate},
};
use kaching_base::{ErrorCode, Seconds};
use kaching_db::{Config, params};
use kaching_testkit::{Engine, Scratch, SeededEntropy, World};

use super::{
    backups::{open, secret},
    setting::{Installation, Site},
};

fn how(world: &World, to: &Config) -> MigrateOptions {
    MigrateOptions {
        from: world.database.clone(),
        to: to.clone(),
        master: MasterKey::new([7; 32]),
        root: Some((fs::read_to_string(world.directory.path().join("root.key")).unwrap(), secret(""))),
        by: Actor::Local(1000),
        clock: Arc::<kaching_testkit::FakeClock>::clone(&world.clock),
        entropy: Arc::new(SeededEntropy::new(55)),
    }
}

async fn moved(world: &World, to: &Config) -> kaching_authority::Result<Contents> {
    migrate(how(world, to), &|_| {}).await
}

#[tokio::test]
async fn a_migration_copies_everything_and_clients_notice_nothing() {
    let mut world = World::on(Engine::Sqlite).await;
    let site = Site::plain(&world, 3).await;
    let mut first = Installation::new("first");
    first.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
    let before = world.authority.keys();
    world.authority.close().await;

    let target = Scratch::new(Engine::Postgres);
    let wrong = MigrateOptions { master: MasterKey::new([9; 32]), ..how(&world, &target.config) };
    assert!(migrate(wrong, &|_| {}).await.err().unwrap().to_string().contains("master key"));
    let (text, _) = how(&world, &target.config).root.unwrap();
    let wrong = MigrateOptions { root: Some((text, secret("mule"))), ..how(&world, &target.config) };
    assert!(migrate(wrong, &|_| {}).await.err().unwrap().to_string().contains("passphrase"));

    let contents = moved(&world, &target.config).await.unwrap();
    assert!(contents.tables.iter().any(|table| table.name == "activations" && table.rows == 1));
    let again = moved(&world, &target.config).await.unwrap();
    assert_eq!(again.tables, contents.tables, "it is already there, and the answer says so");
    let mut other = World::on(Engine::Sqlite).await;
    other.clock.advance(Seconds(1));
    other.restart().await;
    other.authority.close().await;
    let error = moved(&other, &target.config).await.err().unwrap();
    assert_eq!(error.code(), ErrorCode::WrongState);
    assert!(error.to_string().contains("holds data already"), "{error}");

    let authority = open(&world, &target.config, target.folder.path()).await.unwrap();
    let keys = authority.keys();
    assert_eq!(
        (keys.epoch, keys.version),
        (before.epoch, before.version),
        "nothing was lost: the same epoch"
    );
    authority.check_root().await.unwrap();
    world.clock.advance(Seconds::days(2));
    authority.store_time().await.unwrap();
    authority.renew_keyset().await.unwrap();
    assert!(authority.keys().version > before.version, "the root is in the database, and signs");
    world.authority = Arc::new(authority);
    first.heartbeat(&world).await.unwrap_or_else(|_| panic!("its credential is known"));
    world.authority.close().await;
}

#[tokio::test]
async fn an_interrupted_migration_continues_unless_the_authority_has_run_since() {
    let mut world = World::on(Engine::Sqlite).await;
    Site::plain(&world, 3).await;
    world.authority.close().await;
    let (target, mut polls, mut ended) = (Scratch::new(Engine::Postgres), 3, 0);
    loop {
        match super::restored::polled(moved(&world, &target.config), polls).await {
            Some(moved) => break drop(moved.unwrap()),
            None => ended += 1,
        }
        polls += 17;
    }
    assert!(ended > 1, "it was ended only {ended} times");
    open(&world, &target.config, target.folder.path()).await.unwrap().close().await;

    let target = Scratch::new(Engine::Postgres);
    let db = target.open().await;
    db.write("test.begin", |tx| tx.begin_copy("move of another state")).await.unwrap();
    db.close().await;
    world.clock.advance(Seconds(60));
    world.restart().await;
    world.authority.close().await;
    let error = moved(&world, &target.config).await.err().unwrap().to_string();
    assert!(error.contains("changed since"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_utf8_is_refused_before_anything_is_copied() {
    let world = World::on(Engine::Sqlite).await;
    world.authority.close().await;
    let target = Scratch::new(Engine::Postgres);
    let db = target.open().await;
    // As if it had been made so: 8 is LATIN1, 6 is UTF8.
    let encode = async |encoding: i64| {
        let sql = "update pg_database set encoding = ?1 where datname = current_database()";
        db.write("test.encode", move |tx| tx.execute(sql, params![encoding])).await.unwrap();
    };
    encode(8).await;
    let error = moved(&world, &target.config).await.err().unwrap().to_string();
    assert!(error.contains("is LATIN1, and it must be UTF8") && error.contains("template0"), "{error}");
    let tables = "select count(*) from pg_tables where schemaname = current_schema()";
    let count = db.read("test.tables", move |tx| tx.query_one(tables, &[], |row| row.get::<i64>(0))).await;
    assert_eq!(count, Ok(0));
    encode(6).await;
    moved(&world, &target.config).await.unwrap();
    db.close().await;
}
