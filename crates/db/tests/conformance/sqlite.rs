//! What only a file can do to us.

use std::os::unix::fs::MetadataExt as _;

use kaching_db::{Config, Db, Engine, Error, Metrics, params};
use kaching_testkit::Scratch;
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use crate::{Held, begin, count, make, put};

async fn open(config: Config) -> Result<Db, Error> {
    Db::open(config, Metrics::register(&mut Registry::default())).await
}

async fn fill(db: &Db, id: i64, bytes: usize) -> Result<(), Error> {
    db.write("fill", move |tx| {
        tx.execute(
            "insert into numbers (id, n, filling) values (?1, 0, zeroblob(?2))",
            params![id, bytes as i64],
        )
        .map(drop)
    })
    .await
}

#[tokio::test]
async fn a_full_disk_spares_those_that_share_the_commit() {
    let mut scratch = Scratch::new(Engine::Sqlite);
    scratch.config.max_bytes = Some(256 << 10);
    let db = scratch.open().await;
    make(&db, "create table numbers (id bigint primary key, n bigint not null, filling blob)").await;
    let held = Held::hold(&db).await;
    let waiting: Vec<_> =
        (0..20).map(|id| begin(fill(&db, id, if id % 5 == 4 { 1 << 20 } else { 100 }))).collect();
    held.release().await;
    for (id, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(waiting.await, if id % 5 == 4 { Err(Error::Full) } else { Ok(()) }, "{id}");
    }
    assert_eq!(count(&db, "select count(*) from numbers").await, 16);

    // It fills up for good, is still read, and takes writes again when there is room.
    let mut id = 100;
    let last = loop {
        id += 1;
        if let Err(error) = fill(&db, id, 4000).await {
            break error;
        }
    };
    assert_eq!(last, Error::Full);
    let before = count(&db, "select count(*) from numbers").await;
    assert_eq!(fill(&db, 999, 8000).await, Err(Error::Full));
    assert!(db.finds_no_room(), "a server is not ready then");
    assert_eq!(count(&db, "select count(*) from numbers").await, before);
    db.write("free", |tx| tx.execute("delete from numbers where id > 100", &[])).await.unwrap();
    assert_eq!(fill(&db, 999, 8000).await, Ok(()));
    assert!(!db.finds_no_room());
    assert_eq!(db.check().await, Ok(()));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_reported_with_its_name() {
    let scratch = Scratch::new(Engine::Sqlite);
    let path = scratch.folder.path().join("kaching.db");
    std::fs::write(&path, "a letter to a friend\n".repeat(500)).unwrap();
    let error = open(scratch.config.clone()).await.err().unwrap();
    assert!(matches!(&error, Error::Corrupt(reason) if reason.contains("kaching.db")), "{error:?}");
    // It is left as it was.
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("a letter to a friend"));
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_the_rest_is_served() {
    let scratch = Scratch::new(Engine::Sqlite);
    let path = scratch.folder.path().join("kaching.db");
    let db = scratch.open().await;
    make(&db, "create table numbers (id bigint primary key, n bigint not null, filling blob)").await;
    make(&db, "create table others (id bigint primary key)").await;
    for id in 0..200 {
        fill(&db, id, 1000).await.unwrap();
    }
    db.close().await;

    let sound = std::fs::read(&path).unwrap();
    let mut damaged = sound.clone();
    damaged[100..4096].fill(0xa5);
    std::fs::write(&path, &damaged).unwrap();
    assert!(matches!(open(scratch.config.clone()).await.err(), Some(Error::Corrupt(_))));

    let mut damaged = sound;
    damaged[16 * 4096..].fill(0xa5);
    std::fs::write(&path, &damaged).unwrap();
    let db = scratch.open().await;
    let sums = db
        .read("sum", |tx| tx.query_one("select sum(length(filling)) from numbers", &[], |r| r.get::<i64>(0)));
    assert!(matches!(sums.await, Err(Error::Corrupt(_))));
    let written = db.write("touch", |tx| tx.execute("update numbers set n = n + 1", &[])).await;
    assert!(matches!(written, Err(Error::Corrupt(_))), "{written:?}");
    assert!(matches!(db.check().await, Err(Error::Corrupt(_))));
    assert_eq!(count(&db, "select count(*) from others").await, 0);
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let scratch = Scratch::new(Engine::Sqlite);
    let error = open(Config::sqlite(scratch.folder.path().join("nowhere/kaching.db"))).await.err().unwrap();
    assert!(error.to_string().contains("nowhere/kaching.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_another_program_holds_is_reported_and_awaited() {
    let scratch = Scratch::new(Engine::Sqlite);
    let db = scratch.open().await;
    make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
    let other = rusqlite::Connection::open(scratch.folder.path().join("kaching.db")).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let patient = db.with_deadline(std::time::Duration::from_secs(60));
    assert!(matches!(put(&patient, 1).await, Err(Error::Unavailable(_))));
    other.execute_batch("rollback").unwrap();
    assert_eq!(put(&db, 2).await, Ok(()));
    assert_eq!(count(&db, "select max(id) - count(*) from numbers").await, 1);
}

#[tokio::test]
async fn closing_a_file_leaves_the_locks_of_the_others() {
    let scratch = Scratch::new(Engine::Sqlite);
    let path = scratch.folder.path().join("kaching.db");
    let (one, other) = (scratch.open().await, scratch.open().await);
    make(&one, "create table numbers (id bigint primary key, n bigint not null, filling blob)").await;
    let (inode, process) = (std::fs::metadata(&path).unwrap().ino(), std::process::id());
    // `1: POSIX ADVISORY READ 15206 fe:00:3375124 1073741826 1073742335` (proc_locks(5))
    let locked = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let ours =
            |line: &&str| line.contains(&format!(" {process} ")) && line.contains(&format!(":{inode} "));
        locks.lines().find(ours).is_some()
    };
    assert!(locked());
    one.close().await;
    assert!(locked(), "another program could remove the log under the one that is open");
    fill(&other, 1, 100).await.unwrap();
    other.close().await;
    assert!(!locked());
    let again = scratch.open().await;
    assert_eq!(count(&again, "select count(*) from numbers").await, 1);
    assert!(locked());
}

#[tokio::test]
async fn the_log_does_not_grow_without_end() {
    let scratch = Scratch::new(Engine::Sqlite);
    let db = scratch.open().await;
    make(&db, "create table numbers (id bigint primary key, n bigint not null, filling blob)").await;
    fill(&db, 1, 1).await.unwrap();
    // 400 kB a commit, 400 MB through the log, while others read and write.
    let mut others = JoinSet::new();
    for id in 2..6 {
        let db = db.clone();
        others.spawn(async move {
            fill(&db, id, 1).await.unwrap();
            loop {
                count(&db, "select count(*) from numbers").await;
                db.write("touch", move |tx| {
                    tx.execute("update numbers set n = n + 1 where id = ?1", params![id])
                })
                .await
                .unwrap();
            }
        });
    }
    for _ in 0..1000 {
        let sql = "update numbers set n = n + 1, filling = randomblob(400000) where id = 1";
        db.write("grow", move |tx| tx.execute(sql, &[])).await.unwrap();
    }
    others.shutdown().await;
    let log = std::fs::metadata(scratch.folder.path().join("kaching.db-wal")).unwrap().len();
    assert!(log < 100 << 20, "{log}");
    db.close().await;
    assert!(!scratch.folder.path().join("kaching.db-wal").exists());
}

/// A copy of the file that is being made, or a forgotten shell.
#[tokio::test]
async fn a_long_reader_is_reported_and_blocks_nobody() {
    let scratch = Scratch::new(Engine::Sqlite);
    let mut registry = Registry::default();
    let db = Db::open(scratch.config.clone(), Metrics::register(&mut registry)).await.unwrap();
    make(&db, "create table numbers (id bigint primary key, n bigint not null, filling blob)").await;
    fill(&db, 1, 1).await.unwrap();
    let held_back = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find(|line| line.starts_with("db_log_held_back_bytes ")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    // 4 MB a commit; checkpoints have their own thread, which says when it saw the reader.
    let write_until = async |enough: &dyn Fn(u64) -> bool| {
        for _ in 0..400 {
            if enough(held_back()) {
                return true;
            }
            let sql = "update numbers set n = n + 1, filling = randomblob(4000000) where id = 1";
            db.write("grow", move |tx| tx.execute(sql, &[])).await.unwrap();
        }
        false
    };
    let reader = rusqlite::Connection::open(scratch.folder.path().join("kaching.db")).unwrap();
    reader.execute_batch("begin; select count(*) from numbers").unwrap();
    assert!(write_until(&|bytes| bytes > 64 << 20).await, "the warning comes: {}", held_back());
    reader.execute_batch("rollback").unwrap();
    assert!(write_until(&|bytes| bytes < 16 << 20).await, "it is over: {}", held_back());
    db.close().await;
}

#[tokio::test]
async fn a_closure_cannot_end_the_transaction_of_the_others() {
    let scratch = Scratch::new(Engine::Sqlite);
    let db = scratch.open().await;
    make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
    let held = Held::hold(&db).await;
    let before = begin(put(&db, 1));
    let rogue = begin(db.write("rogue", |tx| tx.execute("rollback", &[])));
    let after = begin(put(&db, 2));
    held.release().await;
    assert!(matches!(rogue.await, Err(Error::Statement { name: "rogue", .. })));
    assert_eq!((before.await, after.await), (Ok(()), Ok(())));
    assert_eq!(count(&db, "select count(*) from numbers").await, 2);
}
