use axum::{extract::State, response::Response};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read, shown},
    problem::Result,
    shape,
};

/// Shows a feature by `<product>:<code>`.
#[utoipa::path(get, path = "/v1/admin/features/{id}", tag = "operator", responses(
    (status = 200, body = api::Feature, description = "The feature")))]
pub(crate) async fn show(State(app): State<App>, caller: Caller<Read>, At(address): At) -> Result<Response> {
    Ok(shown(&app, &app.authority.feature(caller.sight(), address).await?, shape::feature))
}
