use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::PlanFilter;

use crate::{
    App, convert,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
};

list_query! {
    /// Which plans are listed.
    PlanQuery => PlanFilter {
        /// Only those of the product with this code.
        product: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists plans.
#[utoipa::path(get, path = "/v1/admin/plans", tag = "operator", params(PlanQuery), responses(
    (status = 200, body = api::List<api::Plan>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<PlanQuery>,
) -> Result<Json<api::List<api::Plan>>> {
    Ok(Json(convert::page(app.authority.plans(caller.sight(), query.list()).await?, convert::plan)))
}
