//! What both engines promise, shown on both.

#![expect(
    clippy::unwrap_used,
    reason = "what is not as expected fails the test, in the functions that tests share, too"
)]

mod copy;
mod errors;
mod limits;
mod lists;
mod migrations;
mod places;
mod postgres;
mod sqlite;
mod standby;
mod tls;
mod transactions;
mod types;
mod unsuitable;
mod write_batches;

use std::{
    pin::Pin,
    sync::mpsc,
    task::{Context, Waker},
};

use kaching_db::{Db, Error};
use kaching_testkit::{Scratch, engines};
use tokio::{sync::oneshot, task::JoinSet};

/// Runs a test on an empty database of each engine.
async fn on_each(test: impl AsyncFn(Scratch, Db)) {
    for scratch in engines() {
        let db = scratch.open().await;
        test(scratch, db).await;
    }
}

/// As [`on_each`], with one thread that writes and a table of numbers.
async fn with_numbers(test: impl AsyncFn(Scratch, Db)) {
    for mut scratch in engines() {
        scratch.config.writers = 1;
        let db = scratch.open().await;
        make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
        test(scratch, db).await;
    }
}

async fn make(db: &Db, sql: &'static str) {
    db.write("make", move |tx| tx.execute(sql, &[])).await.unwrap();
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    db.read("count", move |tx| tx.query_one(sql, &[], |row| row.get(0))).await.unwrap()
}

/// Puts a number into the table.
async fn put(db: &Db, id: i64) -> Result<(), Error> {
    db.write("put", move |tx| {
        tx.execute("insert into numbers (id, n) values (?1, 0)", kaching_db::params![id]).map(drop)
    })
    .await
}

/// Lets a future begin, as a task would: it has asked for what it waits for when this returns.
fn begin<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    future
}

/// A transaction that holds the writer until it is released.
struct Held {
    transaction: JoinSet<Result<(), Error>>,
    release: mpsc::Sender<()>,
}

impl Held {
    async fn hold(db: &Db) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (holds, held) = oneshot::channel();
        let (db, mut holds) = (db.clone(), Some(holds));
        let mut transaction = JoinSet::new();
        transaction.spawn(async move {
            db.write("hold", move |_| {
                if let Some(holds) = holds.take() {
                    holds.send(()).unwrap();
                }
                // It is released by a word, or by a test that has failed.
                let _ = released.recv();
                Ok(())
            })
            .await
        });
        held.await.unwrap();
        Self { transaction, release }
    }

    async fn release(self) {
        drop(self.release);
        assert_eq!(self.transaction.join_all().await, [Ok(())]);
    }
}
