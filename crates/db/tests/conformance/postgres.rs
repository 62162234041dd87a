//! What only a server can do to us.

use std::{sync::Barrier, time::Duration};

use kaching_db::{Config, Db, Engine, Error, Metrics, params};
use kaching_testkit::{Scratch, Server};
use prometheus_client::registry::Registry;

use crate::{count, make, put};

async fn numbers() -> (Scratch, Db) {
    let scratch = Scratch::new(Engine::Postgres);
    let db = scratch.open().await;
    make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
    (scratch, db)
}

async fn open(config: Config) -> Result<Db, Error> {
    Db::open(config, Metrics::register(&mut Registry::default())).await
}

#[tokio::test]
async fn transactions_that_deadlock_both_succeed() {
    let (_scratch, db) = numbers().await;
    put(&db, 1).await.unwrap();
    put(&db, 2).await.unwrap();
    let meet = std::sync::Arc::new(Barrier::new(2));
    let crossing = |first: i64, second: i64| {
        let (mut meet, db) = (Some(std::sync::Arc::clone(&meet)), db.clone());
        async move {
            db.write("cross", move |tx| {
                let sql = "update numbers set n = n + 1 where id = ?1";
                tx.execute(sql, params![first])?;
                // Only the first time: both hold their first row by then.
                if let Some(meet) = meet.take() {
                    meet.wait();
                }
                tx.execute(sql, params![second])
            })
            .await
        }
    };
    assert_eq!(tokio::join!(crossing(1, 2), crossing(2, 1)), (Ok(1), Ok(1)));
    assert_eq!(count(&db, "select cast(sum(n) as bigint) from numbers").await, 4);
}

#[tokio::test]
async fn a_page_is_read_in_its_order_before_the_server_knows_the_table() {
    let (_scratch, db) = numbers().await;
    make(&db, "alter table numbers set (autovacuum_enabled = off)").await;
    make(&db, "insert into numbers select n, 7 from generate_series(1, 10000) n").await;
    // As far as it knows, next to no row is like this.
    let page = "explain select id from numbers where n = 7 and n + 1 = 8 order by id limit 51";
    let plan = db.read("explain", move |tx| tx.query_all(page, &[], |row| row.get::<String>(0)));
    let plan = plan.await.unwrap().join("\n");
    assert!(plan.contains("Index Scan using numbers_pkey") && !plan.contains("Sort"), "{plan}");
}

#[tokio::test]
async fn a_transaction_that_never_gets_through_fails() {
    let (_scratch, db) = numbers().await;
    make(
        &db,
        "create function collide() returns bigint language plpgsql as \
            $$ begin raise exception 'no way' using errcode = '40001'; end $$",
    )
    .await;
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&runs);
    let outcome = db.write("collide", move |tx| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tx.execute("select collide()", &[])
    });
    assert_eq!(outcome.await, Err(Error::Overloaded));
    assert!(runs.load(std::sync::atomic::Ordering::Relaxed) > 5);
}

#[tokio::test]
async fn a_statement_is_cancelled_at_the_deadline() {
    let (_scratch, db) = numbers().await;
    let hasty = db.with_deadline(Duration::from_millis(50));
    let slow = hasty.write("slow", |tx| {
        tx.execute("insert into numbers values (1, 1)", &[])?;
        tx.execute("select pg_sleep(60)", &[])
    });
    assert_eq!(slow.await, Err(Error::Deadline));
    assert_eq!(count(&db, "select count(*) from numbers").await, 0);
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_the_transaction_run_again() {
    let (_scratch, db) = numbers().await;
    let mut first = true;
    let outcome = db.write("lose", move |tx| {
        tx.execute("insert into numbers values (1, 0)", &[])?;
        if std::mem::take(&mut first) {
            tx.execute("select pg_terminate_backend(pg_backend_pid())", &[])?;
        }
        tx.execute("insert into numbers values (2, 0)", &[])
    });
    assert_eq!(outcome.await, Ok(1));
    assert_eq!(count(&db, "select count(*) from numbers").await, 2);
}

#[tokio::test]
async fn connections_lost_while_idle_are_not_noticed_by_callers() {
    let (_scratch, db) = numbers().await;
    for round in 0..3 {
        let sql = "select cast(count(pg_terminate_backend(pid)) as bigint) from pg_stat_activity \
            where datname = current_database() and pid <> pg_backend_pid()";
        count(&db, sql).await;
        for id in 0..20 {
            assert_eq!(put(&db, round * 20 + id).await, Ok(()));
        }
    }
    assert_eq!(count(&db, "select count(*) from numbers").await, 60);
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_is_reported_as_unknown() {
    let (_scratch, db) = numbers().await;
    make(
        &db,
        "create function die() returns trigger language plpgsql as \
            $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$",
    )
    .await;
    // A deferred trigger runs inside COMMIT.
    make(
        &db,
        "create constraint trigger die after insert on numbers deferrable initially deferred \
            for each row execute function die()",
    )
    .await;
    assert_eq!(put(&db, 1).await, Err(Error::OutcomeUnknown));
    make(&db, "drop trigger die on numbers").await;
    assert_eq!(put(&db, 2).await, Ok(()));
}

#[tokio::test]
async fn a_constraint_that_fails_in_the_commit_undoes_it() {
    let (_scratch, db) = numbers().await;
    make(
        &db,
        "create table parts (id bigint references numbers (id) deferrable initially deferred, n bigint)",
    )
    .await;
    let broken = db.write("broken", |tx| tx.execute("insert into parts values (9, 1)", &[]));
    assert_eq!(broken.await, Err(Error::Constraint("foreign key".to_owned())));
    assert_eq!(count(&db, "select count(*) from parts").await, 0);
}

#[tokio::test]
async fn a_server_that_stops_is_reported_and_used_again_when_it_returns() {
    let server = Server::start();
    let db = open(Config::postgres(server.database())).await.unwrap();
    make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
    put(&db, 1).await.unwrap();
    server.stop();
    let hasty = db.with_deadline(Duration::from_millis(200));
    assert!(matches!(put(&hasty, 2).await, Err(Error::Unavailable(_))));
    assert!(matches!(hasty.ping().await, Err(Error::Unavailable(_))));
    // What is asked while it is away is done when it is back.
    let waits = db.with_deadline(Duration::from_secs(60));
    let waiting = crate::begin(put(&waits, 3));
    server.restart();
    assert_eq!(waiting.await, Ok(()));
    assert_eq!(count(&waits, "select cast(sum(id) as bigint) from numbers").await, 4);
    db.close().await;
}

#[tokio::test]
async fn a_server_that_syncs_nothing_is_not_called_durable() {
    let server = Server::start();
    let url = server.database();
    let db = open(Config::postgres(url.clone())).await.unwrap();
    assert_eq!(db.is_durable().await, Ok(true));
    std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.execute("alter system set fsync = off", &[]).unwrap();
    })
    .join()
    .unwrap();
    server.stop();
    server.restart();
    assert_eq!(db.is_durable().await, Ok(false));
    db.close().await;
}

#[tokio::test]
async fn an_address_that_does_not_serve_is_reported_without_its_password() {
    for url in [
        "postgresql://kaching:hunter2@127.0.0.1:1/kaching",
        "postgresql://kaching:hunter2@/kaching?host=/nowhere",
        "hunter2 is no address",
    ] {
        let mut config = Config::postgres(url);
        config.deadline = Duration::from_secs(2);
        let shown = format!("{config:?}");
        let error = open(config).await.err().unwrap();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert!(!format!("{shown} {error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn an_acknowledged_commit_is_on_disk_whatever_the_default() {
    let (scratch, db) = numbers().await;
    let shown =
        "select current_setting('synchronous_commit') || ' ' || current_setting('transaction_isolation')";
    let settings = async |db: &Db| {
        db.write("settings", move |tx| tx.query_one(shown, &[], |row| row.get::<String>(0))).await.unwrap()
    };
    db.write("weaken", |tx| {
        let name = tx.query_one("select current_database()", &[], |row| row.get::<String>(0))?;
        assert!(name.starts_with("own"));
        tx.execute("alter role kaching set synchronous_commit = off", &[])
    })
    .await
    .unwrap();
    let weak = scratch.open().await;
    assert_eq!(settings(&weak).await, "on read committed");
    make(&db, "alter role kaching set synchronous_commit = remote_apply").await;
    let strict = scratch.open().await;
    assert_eq!(settings(&strict).await, "remote_apply read committed");
    make(&db, "alter role kaching reset synchronous_commit").await;
}
