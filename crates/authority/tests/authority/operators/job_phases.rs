//! Jobs of a worker: phases, retries, dead letters, keys and priorities.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use kaching_authority::{
    Authority, List, Op, Result, Sight,
    jobs::{Job, JobError, JobFilter, JobKind, JobRecord, JobState, LEASE, Next},
};
use kaching_base::{ErrorCode, Seconds};
use kaching_db::{Tx, params};
use kaching_testkit::World;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::JoinSet};

use super::setting::{coded, cx, entries, refusal};

/// A job that does what its payload says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Scripted {
    name: String,
    act: Act,
    key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Act {
    Succeed,
    /// Waits outside any transaction until the test lets it go on.
    Wait,
    RetryIn(i64),
    Fail,
    /// Enqueues another job of the same name, and takes a second step.
    Continue,
}

/// The same, but more urgent.
#[derive(Clone, Serialize, Deserialize)]
struct Urgent(Scripted);

static KINDS: [JobKind; 2] = [JobKind::of::<Scripted>(), JobKind::of::<Urgent>()];

/// The steps of jobs by their names. Each test has names of its own.
static DONE: LazyLock<Mutex<HashMap<String, Vec<&'static str>>>> = LazyLock::new(Mutex::default);
static GATES: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);

fn record(name: &str, phase: &'static str) {
    DONE.lock().unwrap().entry(name.to_owned()).or_default().push(phase);
}

fn done(name: &str) -> Vec<&'static str> {
    DONE.lock().unwrap().get(name).cloned().unwrap_or_default()
}

/// The semaphores that release waiting jobs, by name.
fn gate(name: &str) -> Arc<Semaphore> {
    GATES.lock().unwrap().entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
}

impl Job for Scripted {
    const KIND: &'static str = "jobs.test";
    const ATTEMPTS: i64 = 3;
    type Prepared = ();
    type Performed = ();

    fn deduplication_key(&self) -> Option<String> {
        self.key.clone()
    }

    fn prepare(&self, _: &mut Tx<'_>, _: &mut Op) -> Result<()> {
        record(&self.name, "prepare");
        Ok(())
    }

    async fn perform(&self, _: &Authority, (): ()) -> Result<(), JobError> {
        record(&self.name, "perform");
        match self.act {
            Act::Succeed | Act::Continue => Ok(()),
            Act::Wait => {
                gate(&format!("{} waits", self.name)).add_permits(1);
                gate(&self.name).acquire().await.unwrap().forget();
                Ok(())
            }
            Act::RetryIn(seconds) => Err(JobError::retry(Seconds(seconds), "the mail server is away")),
            Act::Fail => Err(JobError::fail("the address does not exist")),
        }
    }

    fn settle(&self, tx: &mut Tx<'_>, op: &mut Op, (): &()) -> Result<Next<Self>> {
        record(&self.name, "settle");
        tx.execute(
            "insert into settings (name, value) values (?1, '1')
             on conflict (name) do update set value = settings.value || '1'",
            params![self.name.as_str()],
        )?;
        if self.act == Act::Continue {
            op.enqueue(tx, &Self { act: Act::Succeed, ..self.clone() })?;
            return Ok(Next::Step(Self { act: Act::Succeed, ..self.clone() }));
        }
        Ok(Next::Done)
    }
}

impl Job for Urgent {
    const KIND: &'static str = "jobs.test_urgent";
    const PRIORITY: i64 = 5;
    type Prepared = ();
    type Performed = ();

    fn prepare(&self, tx: &mut Tx<'_>, op: &mut Op) -> Result<()> {
        self.0.prepare(tx, op)
    }

    async fn perform(&self, authority: &Authority, (): ()) -> Result<(), JobError> {
        self.0.perform(authority, ()).await
    }

    fn settle(&self, _: &mut Tx<'_>, _: &mut Op, (): &()) -> Result<Next<Self>> {
        Ok(Next::Done)
    }
}

/// A server on the database of a world that knows these jobs.
async fn server(world: &World, sequence: u64) -> Arc<Authority> {
    let authority = Arc::into_inner(world.replica(sequence).await).expect("nobody else has it");
    Arc::new(authority.with_job_kinds(&KINDS))
}

fn named(world: &World, name: &str) -> String {
    format!("{name} on {}", world.engine.as_str())
}

fn scripted(name: &str, act: Act) -> Scripted {
    Scripted { name: name.to_owned(), act, key: None }
}

async fn jobs(authority: &Authority, state: Option<JobState>) -> Vec<JobRecord> {
    let filter = JobFilter { state, kind: None };
    authority.jobs(&Sight::All, List { filter, ..List::default() }).await.unwrap().items
}

async fn only(authority: &Authority) -> JobRecord {
    let mut found = jobs(authority, None).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Returns the number of times that jobs of this name were settled, from the database.
async fn settled(world: &World, name: &str) -> usize {
    let db =
        kaching_db::Db::open(world.database.clone(), kaching_db::Metrics::register(&mut Default::default()))
            .await
            .unwrap();
    let name = name.to_owned();
    let settled: Option<String> = db
        .read("test.settled", move |tx| {
            let sql = "select value from settings where name = ?1";
            tx.query_opt(sql, params![name.as_str()], |row| row.get(0))
        })
        .await
        .unwrap();
    db.close().await;
    settled.map_or(0, |marks| marks.len())
}

#[tokio::test]
async fn a_job_goes_through_its_phases_step_by_step() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "steps"));
        server.enqueue_job(cx(), scripted(&name, Act::Continue)).await.unwrap();
        assert_eq!(only(&server).await.state, JobState::Queued);
        assert_eq!(server.run_jobs().await.unwrap(), 3, "two steps, and a job that the first one enqueued");
        assert_eq!(done(&name), ["prepare", "perform", "settle"].repeat(3));
        assert_eq!(settled(&world, &name).await, 3);
        let ended = jobs(&server, Some(JobState::Done)).await;
        assert_eq!(ended.len(), 2);
        assert!(ended.iter().all(|job| job.finished_at == Some(server.now()) && job.due_at.is_none()));
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_too_often_is_a_dead_letter_until_an_operator_retries_it() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "retries"));
        server.enqueue_job(cx(), scripted(&name, Act::RetryIn(30))).await.unwrap();
        server.run_jobs().await.unwrap();
        let failing = only(&server).await;
        assert_eq!((failing.state, failing.attempts), (JobState::Failing, 1));
        assert_eq!(failing.last_error.as_deref(), Some("the mail server is away"));
        assert_eq!(failing.due_at, Some(server.now() + Seconds(30)));
        assert_eq!(server.run_jobs().await.unwrap(), 0, "it is not due");
        for attempt in 2..=3 {
            world.clock.advance(Seconds(30));
            assert_eq!(server.run_jobs().await.unwrap(), 1, "attempt {attempt}");
        }
        let dead = only(&server).await;
        assert_eq!((dead.state, dead.attempts, dead.id), (JobState::Dead, 3, failing.id));
        world.clock.advance(Seconds::days(1));
        assert_eq!(server.run_jobs().await.unwrap(), 0, "nobody tries it again");

        let retried = server.retry_job(cx(), dead.id.to_string()).await.unwrap();
        assert_eq!((retried.state, retried.attempts), (JobState::Failing, 0));
        let recorded = &entries(&server, &dead.id.to_string()).await[0];
        assert_eq!(
            (recorded.0.action.as_str(), &recorded.1["change"]["state"]),
            ("job.retry", &"dead".into())
        );
        assert_eq!(server.run_jobs().await.unwrap(), 1);
        let failing = server.job(&Sight::All, dead.id.to_string()).await.unwrap();
        assert_eq!((failing.state, failing.attempts), (JobState::Failing, 1), "all attempts begin again");
        // One that waits for its next attempt has it immediately.
        server.retry_job(cx(), dead.id.to_string()).await.unwrap();
        assert_eq!(server.run_jobs().await.unwrap(), 1);
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_cannot_succeed_dies_immediately_and_only_failed_ones_are_retried() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "fails"));
        server.enqueue_job(cx(), scripted(&name, Act::Fail)).await.unwrap();
        server.run_jobs().await.unwrap();
        let dead = only(&server).await;
        assert_eq!((dead.state, dead.attempts), (JobState::Dead, 1));
        server.enqueue_job(cx(), scripted(&name, Act::Succeed)).await.unwrap();
        let queued = jobs(&server, Some(JobState::Queued)).await.remove(0).id.to_string();
        assert_eq!(refusal(server.retry_job(cx(), queued.clone()).await), coded(ErrorCode::WrongState));
        server.run_jobs().await.unwrap();
        assert_eq!(refusal(server.retry_job(cx(), queued).await), coded(ErrorCode::WrongState));
        for unknown in ["job_01h455vb4pex5vsknk084sn02q", "job", "lic_01h455vb4pex5vsknk084sn02q"] {
            assert_eq!(
                refusal(server.job(&Sight::All, unknown.to_owned()).await),
                coded(ErrorCode::NotFound)
            );
            assert_eq!(refusal(server.retry_job(cx(), unknown.to_owned()).await), coded(ErrorCode::NotFound));
        }
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_stops_no_other_job() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "unreadable"));
        server.enqueue_job(cx(), scripted(&name, Act::Succeed)).await.unwrap();
        let db = kaching_db::Db::open(
            world.database.clone(),
            kaching_db::Metrics::register(&mut Default::default()),
        )
        .await
        .unwrap();
        db.write("test.damage", |tx| tx.execute("update jobs set payload = '{'", &[])).await.unwrap();
        server.enqueue_job(cx(), scripted(&name, Act::Succeed)).await.unwrap();
        assert_eq!(server.run_jobs().await.unwrap(), 2);
        assert_eq!(settled(&world, &name).await, 1);
        for _ in 0..2 {
            world.clock.advance(Seconds(3600));
            server.run_jobs().await.unwrap();
        }
        let dead = jobs(&server, Some(JobState::Dead)).await;
        assert!(dead[0].last_error.as_ref().unwrap().contains("job cannot be read"), "{dead:?}");
        db.close().await;
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_higher_priority_goes_first() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "priority"));
        server.enqueue_job(cx(), scripted(&name, Act::Fail)).await.unwrap();
        world.clock.advance(Seconds(1));
        server.enqueue_job(cx(), Urgent(scripted(&name, Act::Succeed))).await.unwrap();
        server.run_jobs().await.unwrap();
        // The urgent one settles without a mark.
        assert_eq!(done(&name), ["prepare", "perform", "prepare", "perform"]);
        let found = jobs(&server, None).await;
        assert_eq!((found[0].kind.as_str(), found[0].priority), ("jobs.test_urgent", 5));
        assert_eq!(found.iter().map(|job| job.state).collect::<Vec<_>>(), [JobState::Done, JobState::Dead]);
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn jobs_of_one_key_are_one_and_run_once_more_if_they_were_enqueued_meanwhile() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "keyed"));
        let job = Scripted { key: Some("one".to_owned()), ..scripted(&name, Act::Wait) };
        let enqueue = async || server.enqueue_job(cx(), job.clone()).await.unwrap();
        enqueue().await;
        enqueue().await;
        assert_eq!(jobs(&server, None).await.len(), 1, "the first one does what the second one was to do");
        let (mut working, authority) = (JoinSet::new(), server.clone());
        working.spawn(async move { authority.run_jobs().await });
        gate(&format!("{name} waits")).acquire().await.unwrap().forget();
        assert_eq!(only(&server).await.state, JobState::Running);
        enqueue().await;
        enqueue().await;
        gate(&name).add_permits(2);
        assert_eq!(working.join_next().await.unwrap().unwrap().unwrap(), 2, "once more, not twice");
        assert_eq!(settled(&world, &name).await, 2);
        assert_eq!(only(&server).await.state, JobState::Done);
        // The key is free again.
        gate(&name).add_permits(1);
        enqueue().await;
        assert_eq!(server.run_jobs().await.unwrap(), 1);
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_taken_over_is_settled_once() {
    World::each(|world| async move {
        let (slow, name) = (server(&world, 1).await, named(&world, "fenced"));
        slow.enqueue_job(cx(), scripted(&name, Act::Wait)).await.unwrap();
        let (mut working, authority) = (JoinSet::new(), slow.clone());
        working.spawn(async move { authority.run_jobs().await });
        gate(&format!("{name} waits")).acquire().await.unwrap().forget();
        let other = server(&world, 2).await;
        assert_eq!(other.run_jobs().await.unwrap(), 0, "it is leased");
        world.clock.advance(LEASE);
        let (mut taking, authority) = (JoinSet::new(), other.clone());
        taking.spawn(async move { authority.run_jobs().await });
        gate(&format!("{name} waits")).acquire().await.unwrap().forget();
        // The one that has waited for longer goes on first.
        gate(&name).add_permits(1);
        working.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(settled(&world, &name).await, 0, "nothing is kept of it");
        assert_eq!(only(&other).await.state, JobState::Running);
        gate(&name).add_permits(1);
        taking.join_next().await.unwrap().unwrap().unwrap();
        assert_eq!(settled(&world, &name).await, 1);
        assert_eq!(jobs(&other, Some(JobState::Done)).await.len(), 1);
        slow.close().await;
        other.close().await;
    })
    .await;
}

/// The queue is polled every five seconds, so a worker that only polls does not finish in time.
#[tokio::test]
async fn a_job_begins_as_soon_as_it_is_committed() {
    World::each(|world| async move {
        let (server, name) = (server(&world, 1).await, named(&world, "woken"));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (mut working, authority) = (JoinSet::new(), server.clone());
        working.spawn(async move { authority.work_on_jobs(async { drop(stopped.await) }).await });
        let all = async {
            for _ in 0..4 {
                server.enqueue_job(cx(), scripted(&name, Act::Wait)).await.unwrap();
                gate(&format!("{name} waits")).acquire().await.unwrap().forget();
                gate(&name).add_permits(1);
            }
        };
        tokio::time::timeout(Duration::from_secs(4), all).await.expect("it waits for the next poll");
        drop(stop);
        working.join_next().await.unwrap().unwrap();
        server.close().await;
    })
    .await;
}
