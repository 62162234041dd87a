use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use crate::{
    Config, Engine, Error, Metrics, Result, Tx,
    config::Location,
    job::{Claim, Job, Work},
    metrics::{PING, TxKind},
    moment, postgres,
    queues::Queues,
    sqlite,
};

/// A database. Clones are the same one; it lives on threads of its own until [`close`](Self::close), or until the
/// last clone is dropped.
#[derive(Clone)]
pub struct Db {
    shared: Arc<DbState>,
    deadline: Duration,
}

struct DbState {
    engine: Engine,
    /// Of SQLite.
    file: Option<PathBuf>,
    /// None once the database is closed: then the threads finish what waits, and end.
    queues: RwLock<Option<Queues>>,
    metrics: Metrics,
    fatal: watch::Receiver<Option<Error>>,
    /// Ends when every thread has ended.
    threads: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// The space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// What this process may still use.
    pub free: u64,
    /// All of it.
    pub size: u64,
}

impl Db {
    /// Opens the database and starts its threads. A SQLite file is made when it is missing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be reached, [`Error::Corrupt`] if the file is not a sound database,
    /// [`Error::ReadOnly`] if it cannot be written.
    pub async fn open(config: Config, metrics: Metrics) -> Result<Self> {
        let started = match &config.location {
            Location::Sqlite(path) => sqlite::start(path.clone(), &config, metrics.clone()).await?,
            Location::Postgres(url) => postgres::start(url, &config).await?,
        };
        let file = match &config.location {
            Location::Sqlite(path) => Some(path.clone()),
            Location::Postgres(_) => None,
        };
        let shared = DbState {
            engine: config.engine(),
            file,
            queues: RwLock::new(Some(started.queues)),
            metrics,
            fatal: started.fatal,
            threads: tokio::sync::Mutex::new(started.threads),
        };
        Ok(Self { shared: Arc::new(shared), deadline: config.deadline })
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        self.shared.engine
    }

    /// The same database with another deadline: for jobs that may take their time.
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), deadline }
    }

    /// Runs a transaction: `Ok` commits and is durable when this returns, `Err` undoes everything.
    ///
    /// The closure may run several times, does no other input or output, and changes nothing outside before this
    /// has returned. Dropping the future gives up a transaction that still waits; one that runs is finished.
    ///
    /// # Errors
    /// The closure's error, or the database's error converted to its type.
    pub async fn write<T, E>(
        &self,
        name: &'static str,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(name, TxKind::Write, body).await
    }

    /// Runs a transaction that only reads, on one state of the database; it sees everything acknowledged before.
    ///
    /// # Errors
    /// The closure's error, or the database's error converted to its type; [`Error::ReadOnly`] for a write.
    pub async fn read<T, E>(
        &self,
        name: &'static str,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(name, TxKind::Read, body).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<()> {
        if let Some(error) = self.shared.fatal.borrow().clone() {
            return Err(error);
        }
        self.read(PING, |tx| tx.query_one("select 1", &[], |row| row.get::<i64>(0))).await.map(drop)
    }

    /// Whether the last write found the disk full, or the database read-only: until one is stored again.
    pub fn finds_no_room(&self) -> bool {
        self.shared.metrics.finds_no_room()
    }

    /// The database's clock in microseconds since 1970, to compare with this machine's.
    ///
    /// # Errors
    /// As of any read.
    pub async fn now(&self) -> Result<i64> {
        self.read("db.now", |tx| {
            let sql = match tx.engine() {
                Engine::Sqlite => "select cast(unixepoch('subsec') * 1000000 as integer)",
                Engine::Postgres => "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
            };
            tx.query_one(sql, &[], |row| row.get(0))
        })
        .await
    }

    /// The size on disk in bytes, without SQLite's write-ahead log.
    ///
    /// # Errors
    /// As of any read.
    pub async fn size(&self) -> Result<i64> {
        self.read("db.size", |tx| {
            let sql = match tx.engine() {
                Engine::Sqlite => "select page_count * page_size from pragma_page_count, pragma_page_size",
                Engine::Postgres => "select pg_database_size(current_database())",
            };
            tx.query_one(sql, &[], |row| row.get(0))
        })
        .await
    }

    /// The disk that SQLite's file is on; `None` for PostgreSQL, whose disk is another machine's matter, and where the
    /// system does not say.
    pub async fn disk(&self) -> Option<DiskSpace> {
        let file = self.shared.file.clone()?;
        // A network file system may keep it waiting.
        let found = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&file)).await.ok()?.ok()?;
        Some(DiskSpace {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            size: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    /// The version of the database, as it names itself.
    ///
    /// # Errors
    /// As of any read.
    pub async fn version(&self) -> Result<String> {
        self.read("db.version", |tx| {
            let sql = match tx.engine() {
                Engine::Sqlite => "select 'SQLite ' || sqlite_version()",
                Engine::Postgres => {
                    "select 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)"
                }
            };
            tx.query_one(sql, &[], |row| row.get(0))
        })
        .await
    }

    /// Whether a write that returned is on disk, as the connection that committed it says of its own settings.
    ///
    /// # Errors
    /// As of any write.
    pub async fn is_durable(&self) -> Result<bool> {
        self.write("db.durable", |tx| match tx.engine() {
            Engine::Sqlite => {
                let mode: String = tx.query_one("pragma journal_mode", &[], |row| row.get(0))?;
                let synchronous: i64 = tx.query_one("pragma synchronous", &[], |row| row.get(0))?;
                // With a write-ahead log only 2, FULL, and what is above it sync each commit.
                Ok(mode == "wal" && synchronous >= 2)
            }
            Engine::Postgres => tx.query_one(
                "select current_setting('fsync') = 'on'
                     and current_setting('synchronous_commit') in ('on', 'remote_apply')",
                &[],
                |row| row.get(0),
            ),
        })
        .await
    }

    /// Waits until the database can no longer be trusted (a sync to disk failed), and says why: the process must
    /// end and start again. Waits forever while all is well.
    pub async fn fatal(&self) -> Error {
        let mut fatal = self.shared.fatal.clone();
        match fatal.wait_for(Option::is_some).await.map(|error| error.clone()) {
            Ok(Some(error)) => error,
            // The threads have ended in good order: no error will come any more.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Takes no more transactions, finishes those that wait, and returns when every connection is closed.
    pub async fn close(&self) {
        self.shared.queues.write().unwrap_or_else(PoisonError::into_inner).take();
        while self.shared.threads.lock().await.recv().await.is_some() {}
    }

    async fn submit<T, E>(
        &self,
        name: &'static str,
        kind: TxKind,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let deadline = moment::now() + self.deadline;
        let (job, claim, answered) = Job::new(name, kind, deadline, &self.shared.metrics, body);
        self.shared.enqueue(job);
        answer(answered, claim, kind, deadline).instrument(span(name, kind)).await
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The time that a transaction may take from the call to its answer.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Enqueues work for a transaction that writes; the work answers its own callers.
    pub(crate) fn enqueue(&self, name: &'static str, work: Box<dyn Work>) {
        let deadline = moment::now() + self.deadline;
        self.shared.enqueue(Job::of(name, TxKind::Write, deadline, &self.shared.metrics, work));
    }
}

/// The span of a transaction in a trace: from the call to its answer, as its caller sees it.
pub(crate) fn span(name: &'static str, kind: TxKind) -> tracing::Span {
    tracing::debug_span!("transaction", name, kind = kind.as_str())
}

/// Waits for the answer of the thread that has the job.
pub(crate) async fn answer<T, E: From<Error>>(
    mut answered: oneshot::Receiver<Result<T, E>>,
    claim: Claim,
    kind: TxKind,
    deadline: Instant,
) -> Result<T, E> {
    let waiting = AbandonOnDrop(claim);
    // A thread that died with the job left no answer: a job that had not started will not start.
    let lost = |waiting: &AbandonOnDrop| match (waiting.0.abandon(), kind) {
        (false, TxKind::Write) => E::from(Error::OutcomeUnknown),
        _ => E::from(Error::Closed),
    };
    if let Ok(answer) = tokio::time::timeout_at(deadline.into(), &mut answered).await {
        return answer.unwrap_or_else(|_| Err(lost(&waiting)));
    }
    if waiting.0.abandon() {
        return Err(E::from(Error::Deadline));
    }
    // It runs. Its thread ends it soon after the deadline; only a hanging connection takes longer.
    let late = deadline + GRACE;
    match (tokio::time::timeout_at(late.into(), answered).await, kind) {
        (Ok(answer), _) => answer.unwrap_or_else(|_| Err(lost(&waiting))),
        (Err(_), TxKind::Read) => Err(E::from(Error::Deadline)),
        (Err(_), TxKind::Write) => Err(E::from(Error::OutcomeUnknown)),
    }
}

/// The time after its deadline for which a transaction that runs is still awaited.
const GRACE: Duration = Duration::from_secs(5);

/// A caller that goes away takes its waiting job with it.
struct AbandonOnDrop(Claim);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl DbState {
    /// Adds a job to its queue. A job that finds the queue full or closed is finished with that error.
    fn enqueue(&self, job: Job) {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        let kind = job.kind;
        let sent = match (queues.as_ref(), kind) {
            (None, _) => Err(TrySendError::Disconnected(job)),
            (Some(queues), TxKind::Write) => self.send(&queues.write, job),
            (Some(queues), TxKind::Read) => self.send(&queues.read, job),
        };
        // A job that finishes may enqueue another.
        drop(queues);
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(job)) => job.finish(Err(Error::Overloaded)),
            Err(TrySendError::Disconnected(job)) => job.finish(Err(Error::Closed)),
        }
    }

    fn send(&self, queue: &Sender<Job>, job: Job) -> Result<(), TrySendError<Job>> {
        let kind = job.kind;
        self.metrics.enqueued(kind);
        queue.try_send(job).inspect_err(|_| self.metrics.dequeued(kind))
    }
}
