use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App,
    extract::{At, Caller, scope::Read},
    problem::Result,
    shape,
};

/// Shows a feature by `<product>:<code>`.
#[utoipa::path(get, path = "/v1/admin/features/{id}", tag = "operator", responses(
    (status = 200, body = api::Feature, description = "The feature")))]
pub(crate) async fn show(
    State(app): State<App>,
    _: Caller<Read>,
    At(address): At,
) -> Result<Json<api::Feature>> {
    Ok(Json(shape::feature(&app.authority.feature(address).await?)))
}
