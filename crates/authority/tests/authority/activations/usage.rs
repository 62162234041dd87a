//! Usage goes into an inbox with the heartbeat that reports it, and is rolled up by a job.

use kaching_authority::activations::{Health, Heartbeat, Usage};
use kaching_base::Timestamp;
use kaching_db::{Db, params};
use kaching_testkit::{Increment, World};
use prometheus_client::encoding::text::encode;

use super::setting::{Installation, Site, database, entries};

fn usage(seqs: std::ops::Range<u64>) -> Vec<Usage> {
    let at = Timestamp::from_seconds(0);
    seqs.map(|seq| Usage { meter: "jobs".to_owned(), amount: 2, seq, at }).collect()
}

/// The rows of the inbox, and those that are rolled up.
async fn rows(db: &Db) -> (i64, i64) {
    let sql = "select (select count(*) from usage_inbox), (select count(*) from usage_reports)";
    db.read("test.rows", move |tx| tx.query_one(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))))
        .await
        .unwrap()
}

/// The transactions that heartbeats had on their own.
fn singles(world: &World) -> Option<String> {
    let mut text = String::new();
    encode(&mut text, &world.registry).unwrap();
    let count = |line: &&str| line.contains("activations.heartbeat\"") && line.contains("_count");
    text.lines().find(count).map(str::to_owned)
}

#[tokio::test]
async fn usage_and_health_are_written_with_the_batch() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        let health = |detail: &str| Some(Health { status: "ok".to_owned(), detail: Some(detail.to_owned()) });
        let first = Heartbeat { health: health("one"), ..home.beat() };
        home.send_heartbeat(&world, first).await.unwrap();
        home.number += 1;
        let alone = singles(&world);
        assert!(alone.is_some(), "a status that is new leaves an audit entry");
        let reported = entries(&world, home.id()).await;
        let second = Heartbeat { health: health("two"), usage: usage(1..4), ..home.beat() };
        home.send_heartbeat(&world, second).await.unwrap();
        home.number += 1;
        assert_eq!(singles(&world), alone, "it went with a batch");
        assert_eq!(entries(&world, home.id()).await, reported);
        let db = database(&world.database).await;
        let stored = "select health from activations";
        let stored: String =
            db.read("test.health", move |tx| tx.query_one(stored, &[], |row| row.get(0))).await.unwrap();
        assert!(stored.contains("two"), "{stored}");
        assert_eq!(rows(&db).await, (1, 0));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(rows(&db).await, (0, 3));
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_repeated_heartbeat_never_counts_usage_twice() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        let db = database(&world.database).await;
        let increments = |seqs: std::ops::Range<i64>| -> Vec<Increment> {
            let one =
                |seq| Increment { fingerprint: "c1".to_owned(), meter: "jobs".to_owned(), seq, amount: 2 };
            seqs.map(one).collect()
        };
        let beat = Heartbeat { usage: usage(1..4), ..home.beat() };
        home.send_heartbeat(&world, beat.clone()).await.unwrap();
        // The same number with more usage, as of a client that was not answered and has counted on.
        home.send_heartbeat(&world, Heartbeat { usage: usage(3..6), ..beat.clone() }).await.unwrap();
        assert_eq!(rows(&db).await, (1, 0), "the heartbeat's number is the key");
        assert_eq!(world.usage().await, increments(1..6));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(rows(&db).await, (0, 5));
        home.send_heartbeat(&world, beat).await.unwrap();
        world.authority.run_jobs().await.unwrap();
        assert_eq!(rows(&db).await, (0, 5), "after the roll-up as well");
        // A new credential counts from one again.
        home.activate(&world, &site).await.unwrap();
        home.send_heartbeat(&world, Heartbeat { usage: usage(6..7), ..home.clone().beat() }).await.unwrap();
        world.authority.run_jobs().await.unwrap();
        assert_eq!(world.usage().await, increments(1..7));
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other() {
    World::each(|world| async move {
        let site = Site::plain(&world, 3).await;
        let mut homes = ["c1", "c2", "c3"].map(Installation::new);
        for home in &mut homes {
            home.activate(&world, &site).await.unwrap();
            let beat = Heartbeat { usage: usage(1..2), ..home.beat() };
            home.send_heartbeat(&world, beat).await.unwrap();
        }
        let db = database(&world.database).await;
        let spoilt = homes.iter().map(Installation::id).min().unwrap();
        db.write("test.spoil", move |tx| {
            tx.execute("update usage_inbox set increments = 'no JSON' where activation = ?1", params![spoilt])
        })
        .await
        .unwrap();
        world.authority.run_jobs().await.unwrap();
        assert_eq!(rows(&db).await, (1, 2));
        let mended = "[{\"meter\":\"jobs\",\"seq\":1,\"amount\":2,\"at\":0}]";
        db.write("test.mend", move |tx| {
            tx.execute("update usage_inbox set increments = ?1", params![mended])
        })
        .await
        .unwrap();
        world.authority.run_jobs().await.unwrap();
        assert_eq!(rows(&db).await, (0, 3));
        db.close().await;
    })
    .await;
}
