use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::{List, jobs::JobFilter};

use crate::{
    App, convert,
    extract::{Caller, Params, scope::Read},
    problem::Result,
};

/// Which jobs are listed.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// The number of items, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
    /// Only those in this state.
    #[param(inline)]
    state: Option<api::JobState>,
    /// Only those of this kind, for example `jobs.apply_plan`.
    kind: Option<String>,
}

/// Lists jobs, newest first: those that wait or run, those that were done within a week, and the dead letters of 90 days.
#[utoipa::path(get, path = "/v1/admin/jobs", tag = "operator", params(JobQuery), responses(
    (status = 200, body = api::List<api::Job>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<JobQuery>,
) -> Result<Json<api::List<api::Job>>> {
    let JobQuery { limit, after, state, kind } = query;
    let filter = JobFilter { state: state.map(convert::job_state), kind };
    let page = app.authority.jobs(caller.sight(), List { limit, after, q: None, sort: None, filter }).await?;
    Ok(Json(convert::page(page, convert::job)))
}
