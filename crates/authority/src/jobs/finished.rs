//! The jobs for operators: those that wait or run, those that were done, and the dead letters.

use kaching_base::{ErrorCode, JobId, Timestamp};
use kaching_db::{self as db, Row, Sql, params};
use serde_json::json;

use super::sql;
use crate::{
    Authority, Cx, Error, List, Page, Result, Sight,
    audit::Entry,
    list::{Key, Paging, Sorting, sorting},
    sight::AliasedTable,
    stored::Fields,
};

/// Which jobs are listed.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this kind.
    pub kind: Option<String>,
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits to be claimed.
    Queued,
    /// A process runs it.
    Running,
    /// Its last attempt failed, and it is tried again.
    Failing,
    /// It was done.
    Done,
    /// It is not tried again unless an operator says so.
    Dead,
}

/// A job as operators see it. The payload is not shown: it may hold personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    pub id: JobId,
    pub kind: String,
    pub state: JobState,
    pub priority: i64,
    /// Attempts in a row of the present step.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    /// When it is claimed at the earliest, or when the lease of the process that runs it ends.
    pub due_at: Option<Timestamp>,
    /// When it was done, or became a dead letter.
    pub finished_at: Option<Timestamp>,
}

static SORTINGS: [Sorting; 1] = [sorting!("created_at", "j.id")];

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Failing, Self::Done, Self::Dead];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Failing => "failing",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl Authority {
    /// Lists jobs; sorted by `created_at`.
    ///
    /// # Errors
    /// If the list makes no sense.
    pub async fn jobs(&self, sight: &Sight, list: List<JobFilter>) -> Result<Page<JobRecord>> {
        self.read_in_sight("jobs.list", sight, move |tx, now, sight| {
            let paging = Paging::new(&list, &SORTINGS)?;
            let mut sql = select(now);
            sight.limit(&mut sql, AliasedTable::Jobs);
            sql.add_if(" and j.state = ?", list.filter.state.map(JobState::as_str));
            sql.add_if(" and j.kind = ?", list.filter.kind.clone().map(|kind| kind.replace('\0', "")));
            paging.finish(&mut sql);
            let found = tx.query_all(&sql, sql.params(), read)?;
            Ok(paging.page(found, |job| (Key::None, *job.id.as_bytes())))
        })
        .await
    }

    /// Returns one job.
    ///
    /// # Errors
    /// If there is none with this id.
    pub async fn job(&self, sight: &Sight, id: String) -> Result<JobRecord> {
        let id = parse_id(&id)?;
        self.read_in_sight("jobs.show", sight, move |tx, now, sight| {
            let mut sql = select(now);
            sight.limit(&mut sql, AliasedTable::Jobs);
            sql.add(" and j.id = ?", params![id]);
            tx.query_opt(&sql, sql.params(), read)?.ok_or_else(|| unknown(id))
        })
        .await
    }

    /// Has a dead letter, or a job whose last attempt failed, tried again immediately, with all its attempts.
    ///
    /// # Errors
    /// `not_found`, or `wrong_state` where the job is neither, or where another job with its key waits or runs.
    pub async fn retry_job(&self, cx: Cx, id: String) -> Result<JobRecord> {
        let id = parse_id(&id)?;
        self.write("jobs.retry", cx, move |tx, op| {
            let mut sql = select(op.now);
            sql.add(" and j.id = ?", params![id]);
            let job = tx.query_opt(&sql, sql.params(), read)?.ok_or_else(|| unknown(id))?;
            op.on("job.retry", id);
            if sql::is_superfluous(tx, id)? {
                return Err(wrong_state(format!("another job does what {id} was to do: wait for that one")));
            }
            if !sql::retry_failing(tx, id, op.now)? && !sql::retry_dead(tx, id, op.now)? {
                let state = job.state.as_str();
                return Err(wrong_state(format!("{id} is {state}: only a job that failed is retried")));
            }
            op.wake_workers();
            op.audit(tx, Entry::ok(json!({ "kind": job.kind, "state": job.state.as_str() })))?;
            Ok(tx.query_one(&sql, sql.params(), read)?)
        })
        .await
    }
}

/// All jobs, in the order of [`read`].
fn select(now: Timestamp) -> Sql {
    let mut sql = Sql::new(
        "select j.id, j.kind, j.state, j.priority, j.attempts, j.last_error, j.created_at, j.due_at, j.finished_at from
",
    );
    sql.add(
        " (select id, kind, case when lease is not null and due_at > ? then 'running'
              when last_error is not null then 'failing' else 'queued' end as state, priority, attempts, last_error,
              created_at, due_at, cast(null as bigint) as finished_at from jobs
            union all
            select id, kind, outcome as state, priority, attempts, last_error, created_at,
              cast(null as bigint) as due_at, finished_at from finished_jobs) j where 1 = 1",
        params![now],
    );
    sql
}

fn read(row: &Row<'_>) -> db::Result<JobRecord> {
    let mut fields = Fields::of(row);
    Ok(JobRecord {
        id: fields.take()?,
        kind: fields.take()?,
        state: fields.word(JobState::from_word)?,
        priority: fields.take()?,
        attempts: fields.take()?,
        last_error: fields.take()?,
        created_at: fields.take()?,
        due_at: fields.take()?,
        finished_at: fields.take()?,
    })
}

fn parse_id(text: &str) -> Result<JobId> {
    text.parse().map_err(|_| Error::not_found("job with this id; ids look like job_…"))
}

fn unknown(id: JobId) -> Error {
    Error::not_found(format!("job {id}"))
}

fn wrong_state(detail: String) -> Error {
    Error::coded(ErrorCode::WrongState, detail)
}
