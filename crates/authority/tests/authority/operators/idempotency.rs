use kaching_authority::{Cx, Error, LicenseDetails, Once};
use kaching_base::{ErrorCode, Seconds};
use kaching_db::{Config, Db, Metrics};
use kaching_testkit::World;
use prometheus_client::registry::Registry;

use super::setting::{customer, cx, entries, furnish, license, refusal};

/// An operation under an idempotency key, whose answer is the license's key.
fn under(key: &str, body: u8) -> Cx {
    let answer = |made: &LicenseDetails| made.key.as_ref().unwrap().expose().as_bytes().to_vec();
    Cx {
        once: Some(Once::new(key.to_owned(), "token:a POST /licenses".to_owned(), [body; 32], answer)),
        ..cx()
    }
}

fn replayed<T>(result: Result<T, Error>) -> Vec<u8> {
    match result {
        Err(Error::Replayed(answer)) => answer.0,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was done again"),
    }
}

#[tokio::test]
async fn the_same_request_has_the_effect_of_one_for_a_day() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let made = authority.create_license(under("k", 1), license("team")).await.unwrap();
        let key = made.key.unwrap().expose().as_bytes().to_vec();
        let again = authority.create_license(under("k", 1), license("team")).await;
        let shown = format!("{:?}", again.as_ref().err().unwrap());
        assert!(shown.len() < 40, "an answer with a key does not show itself: {shown}");
        assert_eq!(replayed(again), key);
        let other = authority.create_license(under("k", 2), license("team")).await;
        assert_eq!(refusal(other).0, ErrorCode::IdempotencyKeyReused);
        world.clock.advance(Seconds::days(1));
        assert_eq!(replayed(authority.create_license(under("k", 1), license("team")).await), key);
        world.clock.advance(Seconds(1));
        authority.create_license(under("k", 1), license("team")).await.expect("a day later it is new");
    })
    .await;
}

#[tokio::test]
async fn only_successful_answers_are_remembered() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        authority.create_customer(cx(), customer("Gone", "CUST-002")).await.unwrap();
        authority.archive_customer(cx(), "CUST-002".to_owned(), false).await.unwrap();
        let new = || kaching_authority::NewLicense { customer: "CUST-002".to_owned(), ..license("team") };
        let refused = authority.create_license(under("k", 1), new()).await;
        assert_eq!(refusal(refused).0, ErrorCode::WrongState);
        let made =
            authority.create_license(under("k", 2), license("team")).await.expect("the key is free again");
        assert_eq!(entries(authority, &made.license.id.to_string()).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn answers_are_forgotten_after_a_day() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        authority.create_license(under("k", 1), license("team")).await.unwrap();
        let config: Config = world.database.clone();
        let db = Db::open(config, Metrics::register(&mut Registry::default())).await.unwrap();
        let kept = || {
            db.read("test.kept", |tx| {
                tx.query_one("select count(*) from idempotency_keys", &[], |row| row.get::<i64>(0))
            })
        };
        authority.run_jobs().await.unwrap();
        assert_eq!(kept().await.unwrap(), 1);
        world.clock.advance(Seconds(86_401));
        authority.run_jobs().await.unwrap();
        assert_eq!(kept().await.unwrap(), 0, "an answer may hold a key: it is kept no longer than promised");
    })
    .await;
}
