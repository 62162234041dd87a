//! Full queues, deadlines, callers that go away, and what is counted.

use std::time::Duration;

use kaching_db::{Db, Error, Metrics};
use kaching_testkit::engines;
use prometheus_client::{encoding::text::encode, registry::Registry};

use crate::{Held, begin, count, make, put, with_numbers};

const ALL: &str = "select count(*) from numbers";

#[tokio::test]
async fn a_full_queue_refuses_immediately() {
    for mut scratch in engines() {
        (scratch.config.writers, scratch.config.queue) = (1, 3);
        let db = scratch.open().await;
        make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
        let held = Held::hold(&db).await;
        let waiting: Vec<_> = (0..3).map(|id| begin(put(&db, id))).collect();
        assert_eq!(put(&db, 3).await, Err(Error::Overloaded));
        held.release().await;
        for waiting in waiting {
            assert_eq!(waiting.await, Ok(()));
        }
        assert_eq!(count(&db, ALL).await, 3);
    }
}

#[tokio::test]
async fn what_waits_past_its_deadline_is_never_run() {
    with_numbers(async |_, db| {
        let held = Held::hold(&db).await;
        let hasty = db.with_deadline(Duration::from_millis(30));
        assert_eq!(put(&hasty, 1).await, Err(Error::Deadline));
        held.release().await;
        put(&db, 2).await.unwrap();
        assert_eq!(count(&db, "select max(id) - count(*) from numbers").await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_runs_past_its_deadline_is_undone() {
    with_numbers(async |_, db| {
        let (_never, forever) = std::sync::mpsc::channel::<()>();
        let hasty = db.with_deadline(Duration::from_millis(30));
        let late = hasty.write("late", move |tx| {
            tx.execute("insert into numbers values (1, 0)", &[])?;
            let _ = forever.recv_timeout(Duration::from_millis(50));
            tx.execute("insert into numbers values (2, 0)", &[])
        });
        assert_eq!(late.await, Err(Error::Deadline));
        assert_eq!(count(&db, ALL).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_waiting_transaction_along() {
    with_numbers(async |_, db| {
        let held = Held::hold(&db).await;
        let gone = begin(put(&db, 1));
        let stays = begin(put(&db, 2));
        drop(gone);
        held.release().await;
        stays.await.unwrap();
        assert_eq!(count(&db, "select max(id) - count(*) from numbers").await, 1);
    })
    .await;
}

#[tokio::test]
async fn transactions_are_counted_by_name_and_outcome() {
    for scratch in engines() {
        let mut registry = Registry::with_prefix("kaching");
        let db = Db::open(scratch.config.clone(), Metrics::register(&mut registry)).await.unwrap();
        make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
        put(&db, 1).await.unwrap();
        put(&db, 1).await.unwrap_err();
        count(&db, ALL).await;
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"kaching_db_transactions_total{name="put",kind="Write",outcome="done"} 1"#,
            r#"kaching_db_transactions_total{name="put",kind="Write",outcome="undone"} 1"#,
            r#"kaching_db_transactions_total{name="count",kind="Read",outcome="done"} 1"#,
            r#"kaching_db_closure_seconds_count{name="put"} 2"#,
            r#"kaching_db_wait_seconds_count{name="put"} 2"#,
            r#"kaching_db_queue{kind="Write"} 0"#,
        ] {
            assert!(text.contains(line), "{line}\nis missing in\n{text}");
        }
    }
}
