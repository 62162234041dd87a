//! The numbers of changes.

use std::sync::Arc;

use kaching_authority::{NewLicense, Renewal, domain::licenses::Draft};
use kaching_base::Seconds;
use kaching_db::Db;
use kaching_testkit::World;
use tokio::task::JoinSet;

use super::setting::{Installation, Site, database, operator};

/// The numbers that a reader sees at this moment.
async fn numbers(db: &Db) -> Vec<i64> {
    let sql = "select number from license_changes order by number";
    db.read("test.numbers", move |tx| tx.query_all(sql, &[], |row| row.get(0))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_number_is_visible_before_the_one_below_it() {
    const EACH: usize = 12;
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut licenses = vec![site.license];
        for _ in 1..8 {
            let new = NewLicense {
                customer: "CUST-001".to_owned(),
                product: "chorus".to_owned(),
                plan: "team".to_owned(),
                key_format: None,
                draft: Draft::default(),
            };
            licenses.push(world.authority.create_license(operator(), new).await.unwrap().license.id);
        }
        let db = database(&world.database).await;
        let began = numbers(&db).await.len();
        let world = Arc::new(world);
        let mut changing = JoinSet::new();
        for license in licenses.clone() {
            let world = Arc::clone(&world);
            changing.spawn(async move {
                for _ in 0..EACH {
                    let renewal =
                        Renewal { term: Some(kaching_base::Term::of_days(1).unwrap()), ..Renewal::default() };
                    world.authority.renew_license(operator(), license.to_string(), renewal).await.unwrap();
                }
            });
        }
        let all = began + licenses.len() * EACH;
        let mut seen = 0;
        while seen < all {
            let found = numbers(&db).await;
            let expected: Vec<_> = (1..=i64::try_from(found.len()).unwrap()).collect();
            assert_eq!(found, expected, "no gap, whenever one looks");
            assert!(found.len() >= seen, "and none is taken back");
            seen = found.len();
        }
        changing.join_all().await;
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn routine_calls_take_no_change_number_and_old_changes_are_deleted() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let db = database(&world.database).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        one.heartbeat(&world).await.unwrap();
        one.activate(&world, &site).await.unwrap();
        assert_eq!(numbers(&db).await, [] as [i64; 0]);

        world.authority.release_activation(operator(), one.id(), None).await.unwrap();
        world.clock.advance(Seconds(3000));
        let suspend = |reason: &str| {
            world.authority.suspend_license(operator(), site.license.to_string(), reason.to_owned())
        };
        suspend("unpaid").await.unwrap();
        assert!(suspend("unpaid again").await.is_err(), "a refusal changes nothing");
        assert_eq!(numbers(&db).await, [1, 2]);
        world.authority.run_jobs().await.unwrap();
        assert_eq!(numbers(&db).await, [1, 2]);
        world.clock.advance(Seconds(601));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(numbers(&db).await, [2], "what is older than an hour is gone");
        db.close().await;
    })
    .await;
}
