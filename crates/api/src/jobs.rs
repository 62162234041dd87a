use kaching_base::{JobId, Timestamp};
use serde::{Deserialize, Serialize};

/// Work that the authority does outside the request that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The kind of work: `jobs.apply_plan`.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// Jobs of a higher priority begin first.
    pub priority: i64,
    /// Attempts in a row of the present step.
    pub attempts: i64,
    /// Why the last attempt failed; null where none did.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it begins at the earliest; of one that runs, when another server takes it over unless it ends before. Null where
    /// it has ended.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub due_at: Option<Timestamp>,
    /// When it ended; null where it has not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub finished_at: Option<Timestamp>,
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum JobState {
    /// It waits.
    Queued,
    /// A server runs it.
    Running,
    /// Its last attempt failed, and it is tried again.
    Failing,
    /// It was done. It is listed for a week.
    Done,
    /// It failed too often, and is tried again only by an operator. It is listed for 90 days.
    Dead,
}
