use kaching_db::{Error, params};
use tokio::task::JoinSet;

use crate::{Held, begin, count, on_each, put, with_numbers};

const ALL: &str = "select count(*) from numbers";

#[tokio::test]
async fn what_is_acknowledged_is_seen_by_every_reader() {
    with_numbers(async |_, db| {
        for id in 0..20 {
            put(&db, id).await.unwrap();
            assert_eq!(count(&db, ALL).await, id + 1);
        }
    })
    .await;
}

/// An error of the caller's own.
#[derive(Debug, PartialEq)]
enum Refused {
    Full,
    Database(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

#[tokio::test]
async fn an_error_undoes_everything() {
    with_numbers(async |_, db| {
        let refused = db.write("refuse", |tx| {
            tx.execute("insert into numbers values (1, 1)", &[])?;
            Err::<(), _>(Refused::Full)
        });
        assert_eq!(refused.await, Err(Refused::Full));
        assert_eq!(count(&db, ALL).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_failed_statement_ends_the_transaction_whatever_the_closure_says() {
    with_numbers(async |_, db| {
        put(&db, 1).await.unwrap();
        let ignored = db.write("ignore", |tx| {
            tx.execute("insert into numbers values (2, 0)", &[])?;
            let first = tx.execute("insert into numbers values (1, 0)", &[]).unwrap_err();
            let second = tx.execute("insert into numbers values (3, 0)", &[]).unwrap_err();
            assert_eq!(first, second);
            Ok::<_, Error>(())
        });
        assert_eq!(ignored.await, Err(Error::Unique("numbers.id".to_owned())));
        let mapped = db.write("map", |tx| {
            tx.execute("insert into numbers values (1, 0)", &[]).map_err(|_| Refused::Full)
        });
        assert_eq!(mapped.await, Err(Refused::Full));
        assert_eq!(count(&db, ALL).await, 1);
    })
    .await;
}

#[tokio::test]
async fn failures_stay_private_where_a_commit_is_shared() {
    with_numbers(async |_, db| {
        let held = Held::hold(&db).await;
        let mut waiting: Vec<_> = (0..60_i64)
            .map(|id| {
                begin(db.write("share", move |tx| {
                    tx.execute("insert into numbers values (?1, 0)", params![id])?;
                    match id % 4 {
                        0 => Ok(()),
                        1 => Err(Error::Value("refused".to_owned())),
                        2 => tx.execute("insert into numbers values (?1, 0)", params![id]).map(drop),
                        _ => panic!("as it should"),
                    }
                }))
            })
            .collect();
        held.release().await;
        for (id, waiting) in waiting.drain(..).enumerate() {
            let outcome = waiting.await;
            match id % 4 {
                0 => assert_eq!(outcome, Ok(())),
                1 => assert_eq!(outcome, Err(Error::Value("refused".to_owned()))),
                2 => assert_eq!(outcome, Err(Error::Unique("numbers.id".to_owned()))),
                _ => assert_eq!(outcome, Err(Error::Panicked)),
            }
        }
        assert_eq!(count(&db, ALL).await, 15);
        assert_eq!(count(&db, "select count(*) from numbers where id % 4 = 0").await, 15);
    })
    .await;
}

#[tokio::test]
async fn a_read_that_panics_leaves_its_thread_in_use() {
    for mut scratch in kaching_testkit::engines() {
        scratch.config.readers = 1;
        let db = scratch.open().await;
        for _ in 0..3 {
            let panicked = db.read("panic", |_| -> Result<(), Error> { panic!("as it should") });
            assert_eq!(panicked.await, Err(Error::Panicked));
        }
        assert_eq!(count(&db, "select 1").await, 1);
    }
}

#[tokio::test]
async fn increments_under_a_row_lock_are_exact() {
    on_each(async |_, db| {
        crate::make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
        put(&db, 1).await.unwrap();
        let mut tasks = JoinSet::new();
        for _ in 0..200 {
            let db = db.clone();
            tasks.spawn(async move {
                db.write("increment", |tx| {
                    let sql = "select n from numbers where id = ?1 for update";
                    let n = tx.query_one(sql, params![1], |row| row.get::<i64>(0))?;
                    tx.execute("update numbers set n = ?2 where id = ?1", params![1, n + 1])
                })
                .await
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|changed| changed == Ok(1)));
        assert_eq!(count(&db, "select n from numbers where id = 1").await, 200);
    })
    .await;
}

#[tokio::test]
async fn a_read_sees_one_state() {
    with_numbers(async |_, db| {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (saw, seen) = tokio::sync::oneshot::channel();
        let mut saw = Some(saw);
        let mut reading = JoinSet::new();
        let reader = db.clone();
        reading.spawn(async move {
            reader
                .read("twice", move |tx| {
                    let first = tx.query_one(ALL, &[], |row| row.get::<i64>(0))?;
                    if let Some(saw) = saw.take() {
                        saw.send(()).unwrap();
                    }
                    gone.recv().unwrap();
                    Ok::<_, Error>((first, tx.query_one(ALL, &[], |row| row.get::<i64>(0))?))
                })
                .await
        });
        seen.await.unwrap();
        put(&db, 1).await.unwrap();
        go.send(()).unwrap();
        assert_eq!(reading.join_all().await, [Ok((0, 0))]);
        assert_eq!(count(&db, ALL).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_reader_refuses_to_write() {
    with_numbers(async |_, db| {
        let written = db.read("write", |tx| tx.execute("insert into numbers values (1, 1)", &[]));
        assert_eq!(written.await, Err(Error::ReadOnly));
        assert_eq!(count(&db, ALL).await, 0);
    })
    .await;
}

#[tokio::test]
async fn closing_finishes_what_waits() {
    with_numbers(async |scratch, db| {
        let held = Held::hold(&db).await;
        let waiting: Vec<_> = (0..50).map(|id| begin(put(&db, id))).collect();
        let closing = begin(db.close());
        assert_eq!(put(&db, 100).await, Err(Error::Closed));
        held.release().await;
        for waiting in waiting {
            assert_eq!(waiting.await, Ok(()));
        }
        closing.await;
        db.close().await;
        assert_eq!(db.ping().await, Err(Error::Closed));
        let again = scratch.open().await;
        assert_eq!(count(&again, ALL).await, 50);
    })
    .await;
}

#[tokio::test]
async fn tells_how_it_is() {
    on_each(async |_, db| {
        assert_eq!(db.ping().await, Ok(()));
        let now = db.now().await.unwrap();
        // 2026 to 2100, in microseconds.
        assert!((1_767_225_600_000_000..4_102_444_800_000_000).contains(&now), "{now}");
        assert!(db.now().await.unwrap() >= now);
        assert!(db.size().await.unwrap() >= 0);
        assert_eq!(db.is_durable().await, Ok(true));
        let version = db.version().await.unwrap();
        let (name, number) = version.split_once(' ').unwrap();
        assert!(
            ["SQLite", "PostgreSQL"].contains(&name)
                && number.split('.').all(|part| part.parse::<u32>().is_ok()),
            "{version}"
        );
        assert_eq!(db.check().await, Ok(()));
    })
    .await;
}
