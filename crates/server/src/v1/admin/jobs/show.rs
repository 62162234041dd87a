use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App, convert,
    extract::{At, Caller, scope::Read},
    problem::Result,
};

/// Shows a job.
#[utoipa::path(get, path = "/v1/admin/jobs/{id}", tag = "operator", responses(
    (status = 200, body = api::Job, description = "The job")))]
pub(crate) async fn show(State(app): State<App>, caller: Caller<Read>, At(id): At) -> Result<Json<api::Job>> {
    Ok(Json(convert::job(&app.authority.job(caller.sight(), id).await?)))
}
