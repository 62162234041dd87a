use kaching_api as api;
use kaching_authority::jobs::{JobRecord, JobState};

pub(crate) fn job(record: &JobRecord) -> api::Job {
    let JobRecord { id, kind, state, priority, attempts, last_error, created_at, due_at, finished_at } =
        record.clone();
    let state = match state {
        JobState::Queued => api::JobState::Queued,
        JobState::Running => api::JobState::Running,
        JobState::Failing => api::JobState::Failing,
        JobState::Done => api::JobState::Done,
        JobState::Dead => api::JobState::Dead,
    };
    api::Job { id, kind, state, priority, attempts, last_error, created_at, due_at, finished_at }
}

pub(crate) fn job_state(state: api::JobState) -> JobState {
    match state {
        api::JobState::Queued => JobState::Queued,
        api::JobState::Running => JobState::Running,
        api::JobState::Failing => JobState::Failing,
        api::JobState::Done => JobState::Done,
        api::JobState::Dead => JobState::Dead,
    }
}
