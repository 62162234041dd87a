use kaching_db::{BatchLimits, Db, Error, Result, Tx, WriteBatcher, params};

use crate::{Held, begin, count, make, on_each, with_numbers};

const LIMITS: BatchLimits = BatchLimits { min_inputs: 3, max_inputs: 3, transactions: 1, queue: 8 };

/// Inserts each number with the number of inputs in its batch.
fn put_all(tx: &mut Tx<'_>, numbers: &[i64]) -> Result<Vec<usize>> {
    for number in numbers {
        tx.execute(
            "insert into numbers (id, n) values (?1, ?2)",
            params![*number, i64::try_from(numbers.len()).unwrap()],
        )?;
    }
    Ok(vec![numbers.len(); numbers.len()])
}

fn putting(db: &Db) -> WriteBatcher<i64, usize> {
    WriteBatcher::new(db, "numbers.put", LIMITS, put_all)
}

#[tokio::test]
async fn what_waits_shares_a_transaction_of_bounded_size() {
    with_numbers(async |_, db| {
        let numbers = putting(&db);
        let held = Held::hold(&db).await;
        let mut waiting: Vec<_> = (0..7).map(|number| begin(numbers.write(number))).collect();
        held.release().await;
        let mut sizes = Vec::new();
        for write in &mut waiting {
            sizes.push(write.await.unwrap());
        }
        assert_eq!(sizes, [3, 3, 3, 3, 3, 3, 1]);
        assert_eq!(count(&db, "select count(*) from numbers").await, 7);
    })
    .await;
}

#[tokio::test]
async fn half_of_what_waits_is_left_to_the_next_transaction() {
    with_numbers(async |_, db| {
        let limits = BatchLimits { min_inputs: 2, max_inputs: 4, transactions: 1, queue: 16 };
        let numbers = WriteBatcher::new(&db, "numbers.put", limits, put_all);
        let held = Held::hold(&db).await;
        let mut waiting: Vec<_> = (0..11).map(|number| begin(numbers.write(number))).collect();
        held.release().await;
        let mut sizes = Vec::new();
        for write in &mut waiting {
            sizes.push(write.await.unwrap());
        }
        // Four is the most, then come halves, and two in any case.
        assert_eq!(sizes, [4, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2]);
    })
    .await;
}

#[tokio::test]
async fn one_alone_waits_for_nobody() {
    with_numbers(async |_, db| {
        assert_eq!(putting(&db).write(1).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn a_failure_goes_to_all_of_its_transaction_and_to_no_other() {
    with_numbers(async |_, db| {
        let numbers = putting(&db);
        numbers.write(2).await.unwrap();
        let held = Held::hold(&db).await;
        let mut waiting: Vec<_> = [1, 2, 3, 4].map(|number| begin(numbers.write(number))).into();
        held.release().await;
        for write in &mut waiting[..3] {
            assert!(matches!(write.await, Err(Error::Unique(_))));
        }
        assert_eq!(waiting.pop().unwrap().await, Ok(1));
        assert_eq!(count(&db, "select max(id) * 10 + count(*) from numbers").await, 42);
    })
    .await;
}

#[tokio::test]
async fn who_goes_away_before_is_left_out() {
    with_numbers(async |_, db| {
        let numbers = putting(&db);
        let held = Held::hold(&db).await;
        let first = begin(numbers.write(1));
        let second = begin(numbers.write(2));
        drop(first);
        held.release().await;
        assert_eq!(second.await, Ok(1));
        assert_eq!(count(&db, "select max(id) * 10 + count(*) from numbers").await, 21);
    })
    .await;
}

#[tokio::test]
async fn inputs_beyond_the_queue_are_refused_immediately() {
    with_numbers(async |_, db| {
        let numbers = putting(&db);
        let held = Held::hold(&db).await;
        let waiting: Vec<_> = (0..8).map(|number| begin(numbers.write(number))).collect();
        assert_eq!(numbers.write(8).await, Err(Error::Overloaded));
        held.release().await;
        for write in waiting {
            write.await.unwrap();
        }
        assert_eq!(numbers.write(8).await, Ok(1), "there is room again");
    })
    .await;
}

#[tokio::test]
async fn a_closed_database_is_reported_and_waiting_inputs_are_finished() {
    with_numbers(async |_, db| {
        let numbers = putting(&db);
        let held = Held::hold(&db).await;
        let waiting = begin(numbers.write(1));
        let close = begin(db.close());
        held.release().await;
        close.await;
        assert_eq!(waiting.await, Ok(1));
        assert_eq!(numbers.write(2).await, Err(Error::Closed));
        assert_eq!(numbers.write(3).await, Err(Error::Closed));
    })
    .await;
}

#[tokio::test]
async fn a_panic_goes_to_all_and_the_next_inputs_are_answered() {
    on_each(async |_, db| {
        let numbers = WriteBatcher::new(&db, "numbers.divide", LIMITS, |_, numbers: &[i64]| {
            Ok(numbers.iter().map(|number| 12 / number).collect())
        });
        assert_eq!(numbers.write(0).await, Err(Error::Panicked));
        assert_eq!(numbers.write(3).await, Ok(4));
    })
    .await;
}

#[tokio::test]
async fn many_concurrent_inputs_are_each_answered_once() {
    on_each(async |_, db| {
        make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
        let limits = BatchLimits { min_inputs: 64, max_inputs: 64, transactions: 2, queue: 4096 };
        let numbers = std::sync::Arc::new(WriteBatcher::new(&db, "numbers.put", limits, put_all));
        let mut all = tokio::task::JoinSet::new();
        for number in 0..2000 {
            let numbers = std::sync::Arc::clone(&numbers);
            all.spawn(async move { numbers.write(number).await });
        }
        while let Some(written) = all.join_next().await {
            assert!((1..=64).contains(&written.unwrap().unwrap()));
        }
        assert_eq!(count(&db, "select count(*) from numbers").await, 2000);
    })
    .await;
}
