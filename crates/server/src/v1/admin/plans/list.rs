use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::PlanFilter;

use crate::{
    App,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
    shape,
};

list_query! {
    /// Which plans are listed.
    Query => PlanFilter {
        /// Only those of the product with this code.
        product: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists plans.
#[utoipa::path(get, path = "/v1/admin/plans", tag = "operator", params(Query), responses(
    (status = 200, body = api::List<api::Plan>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<Query>,
) -> Result<Json<api::List<api::Plan>>> {
    Ok(Json(shape::page(app.authority.plans(caller.sight(), query.list()).await?, shape::plan)))
}
