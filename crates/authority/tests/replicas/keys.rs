use kaching_base::{LeaseAlgorithm, Seconds};

use super::setting::{Shared, number, operator};

#[tokio::test]
async fn what_one_signs_the_other_serves() {
    let shared = Shared::fresh();
    let (one, two) = (shared.start(1).await, shared.start(2).await);
    shared.clock.advance(Seconds(1));
    one.authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap();
    let rotated = one.authority.keys();
    assert!(two.authority.keys().version < rotated.version);
    two.authority.follow_keys().await.unwrap();
    assert_eq!(two.authority.keys().version, rotated.version);
    assert_eq!(two.authority.keys().keysets, rotated.keysets);
    // The daily renewal, too.
    shared.clock.advance(Seconds::days(1));
    two.authority.renew_keyset().await.unwrap();
    one.authority.follow_keys().await.unwrap();
    assert!(one.authority.keys().version > rotated.version);
    assert_eq!(one.authority.keys().keysets, two.authority.keys().keysets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_both_need_is_made_once() {
    let shared = Shared::fresh();
    let (one, two) = (shared.start(1).await, shared.start(2).await);
    let both = |algorithm| {
        let (one, two) = (one.authority.clone(), two.authority.clone());
        async move {
            let made = tokio::join!(
                tokio::spawn(async move { one.ensure_signing_key(algorithm).await }),
                tokio::spawn(async move { two.ensure_signing_key(algorithm).await })
            );
            made.0.unwrap().unwrap();
            made.1.unwrap().unwrap();
        }
    };
    shared.clock.advance(Seconds(1));
    both(LeaseAlgorithm::Rs256).await;
    let db = shared.look().await;
    let count = "select count(*) from signing_keys";
    assert_eq!(number(&db, count).await, 2);
    // In two years less sixty days both keys are near their end, and both servers see that.
    shared.clock.advance(Seconds::days(700));
    for replica in [&one, &two] {
        replica.authority.renew_keyset().await.unwrap();
    }
    let ran = tokio::join!(one.authority.run_jobs(), two.authority.run_jobs());
    ran.0.unwrap();
    ran.1.unwrap();
    assert_eq!(number(&db, count).await, 4);
    assert_eq!(one.done("key.rotate").await, 3);
}
