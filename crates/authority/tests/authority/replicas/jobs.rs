use kaching_authority::{Apply, ApplyPlan, Authority, EditPlan};
use kaching_base::{Limit, Seconds};

use tokio::task::JoinSet;

use super::setting::{Busy, Shared, force, furnish, number, operator};

/// More than one step of a job moves.
const LICENSES: usize = 120;

/// The plan's terms change, and a job brings them to its licenses.
async fn begin(authority: &Authority) {
    let limits = [("nodes".parse().unwrap(), Some(Limit::Level { max: Some(9) }))].into();
    let edit = EditPlan { limits, ..EditPlan::default() };
    authority.edit_plan(operator(), "chorus:team".to_owned(), edit).await.unwrap();
    authority
        .apply_plan(operator(), "chorus:team".to_owned(), ApplyPlan { to: Apply::All, force: false })
        .await
        .unwrap();
}

const MOVED: &str = "select count(*) from licenses where revision = 2";
const ENTRIES: &str = "select count(*) from audit_entries where action = 'license.apply_plan'";
const JOBS: &str = "select count(*) from jobs";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_done_once_however_many_look_for_it() {
    let shared = Shared::fresh();
    let (one, two) = (shared.start(1).await, shared.start(2).await);
    furnish(&one.authority, LICENSES).await;
    begin(&one.authority).await;
    let db = shared.database().await;
    while number(&db, JOBS).await > 0 {
        let ran = tokio::join!(one.authority.run_jobs(), two.authority.run_jobs());
        ran.0.unwrap();
        ran.1.unwrap();
    }
    assert_eq!(number(&db, MOVED).await, LICENSES as i64);
    assert_eq!(number(&db, ENTRIES).await, LICENSES as i64);
}

#[tokio::test]
async fn a_job_whose_server_died_is_done_by_another_when_its_lease_has_ended() {
    let shared = Shared::fresh();
    let (one, two) = (shared.start(1).await, shared.start(2).await);
    furnish(&one.authority, 3).await;
    begin(&one.authority).await;
    one.authority.close().await;
    // It had taken the job, and nothing more.
    let db = shared.database().await;
    let until = "update jobs set lease = decode('00112233445566778899aabbccddeeff', 'hex'), attempts = 1,
                 due_at = due_at + ?1";
    assert_eq!(force(&db, until, 60_000_000).await, 1);
    assert_eq!(two.authority.run_jobs().await.unwrap(), 0, "it is somebody's");
    assert_eq!(number(&db, MOVED).await, 0);
    shared.clock.advance(Seconds(61));
    assert_eq!(two.authority.run_jobs().await.unwrap(), 1);
    assert_eq!((number(&db, MOVED).await, number(&db, JOBS).await), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_its_lease_writes_nothing() {
    let shared = Shared::fresh();
    let slow = shared.start(1).await;
    furnish(&slow.authority, 3).await;
    begin(&slow.authority).await;
    let db = shared.database().await;

    // Its step waits for a license that somebody else is busy with.
    let busy = Busy::with(&db, "select 1 from licenses order by id desc limit 1 for update").await;
    let (mut working, authority) = (JoinSet::new(), slow.authority.clone());
    working.spawn(async move { authority.run_jobs().await });
    busy.until_waited_for(&db, 1).await;
    // Meanwhile its time is over, and another has taken the job.
    let taken = "update jobs set lease = decode('00112233445566778899aabbccddeeff', 'hex'), attempts = 2,
                 due_at = due_at + ?1";
    assert_eq!(force(&db, taken, 120_000_000).await, 1);
    busy.release().await;
    assert!(working.join_all().await[0].is_ok(), "it goes on with what else there is");
    assert_eq!((number(&db, MOVED).await, number(&db, ENTRIES).await), (0, 0));
    assert_eq!(
        number(&db, "select count(*) from jobs where attempts = 2").await,
        1,
        "the other has it still"
    );
    // And does it, in its own time.
    let two = shared.start(2).await;
    shared.clock.advance(Seconds(200));
    two.authority.run_jobs().await.unwrap();
    assert_eq!((number(&db, MOVED).await, number(&db, ENTRIES).await), (3, 3));
}
