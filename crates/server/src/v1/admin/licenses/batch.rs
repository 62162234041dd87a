use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::Error;

use super::create::new_license;
use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Makes licenses that differ only in their ids and keys, all of them or none.
#[utoipa::path(post, path = "/v1/admin/licenses/batch", tag = "operator", request_body = api::LicenseBatchCreate, responses(
    (status = 201, body = api::LicenseBatch, description = "The new licenses with their keys, and the tags by which they are found")))]
pub(crate) async fn batch(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    Body { value, sent }: Body<api::LicenseBatchCreate>,
) -> Result<Response> {
    let new = new_license(value.license).map_err(|mut rejected| {
        for error in &mut rejected.problem.errors {
            error.pointer.insert_str(0, "/license");
        }
        rejected
    })?;
    let done = |cx| {
        let created = app.authority.create_licenses(cx, new, value.count);
        async { created.await.map_err(in_license) }
    };
    caller.run(&sent, StatusCode::CREATED, convert::license_batch, done).await
}

/// The members of a license are below `license` in this request.
fn in_license(error: Error) -> Error {
    match error {
        Error::Invalid { code, detail, pointer: Some(pointer) } if pointer != "/count" => {
            Error::Invalid { code, detail, pointer: Some(format!("/license{pointer}")) }
        }
        other => other,
    }
}
