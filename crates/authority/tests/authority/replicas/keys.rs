use kaching_base::{LeaseAlgorithm, Seconds};

use tokio::task::JoinSet;

use super::setting::{Busy, Shared, number, operator};

#[tokio::test]
async fn keys_of_one_server_are_served_by_the_other() {
    let shared = Shared::fresh();
    let (one, two) = (shared.start(1).await, shared.start(2).await);
    shared.clock.advance(Seconds(1));
    one.authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap();
    let rotated = one.authority.keys();
    assert!(two.authority.keys().version < rotated.version);
    two.authority.follow_keys().await.unwrap();
    assert_eq!(two.authority.keys().version, rotated.version);
    assert_eq!(two.authority.keys().keysets, rotated.keysets);
    // A key that is withdrawn here is one that the other neither signs with nor brings back.
    let stolen = rotated.jwks.keys[0].kid();
    one.authority.withdraw_signing_key(operator(), stolen.clone()).await.unwrap();
    two.authority.follow_keys().await.unwrap();
    assert!(two.authority.keys().jwks.keys.iter().all(|key| key.kid() != stolen));
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
    let db = shared.database().await;
    let made = async || number(&db, "select count(*) from signing_keys").await;
    shared.clock.advance(Seconds(1));
    // Both see that there is none, and cannot keep theirs yet.
    let busy = Busy::with(&db, "lock table signing_keys in share mode").await;
    let mut needing = JoinSet::new();
    for authority in [one.authority.clone(), two.authority.clone()] {
        needing.spawn(async move { authority.ensure_signing_key(LeaseAlgorithm::Rs256).await });
    }
    busy.until_waited_for(&db, 2).await;
    busy.release().await;
    assert!(needing.join_all().await.iter().all(Result::is_ok));
    assert_eq!((made().await, one.done("key.rotate").await), (2, 1));

    // In two years less sixty days both keys are near their end, and both servers see that.
    shared.clock.advance(Seconds::days(700));
    for replica in [&one, &two] {
        replica.authority.renew_keyset().await.unwrap();
    }
    let busy = Busy::with(&db, "lock table signing_keys in share mode").await;
    let mut working = JoinSet::new();
    for authority in [one.authority.clone(), two.authority.clone()] {
        working.spawn(async move { authority.run_jobs().await });
    }
    busy.until_waited_for(&db, 2).await;
    busy.release().await;
    assert!(working.join_all().await.iter().all(Result::is_ok));
    assert_eq!((made().await, one.done("key.rotate").await), (4, 3));
}
