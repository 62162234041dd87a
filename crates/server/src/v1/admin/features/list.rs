use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::FeatureFilter;

use crate::{
    App,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
    shape,
};

list_query! {
    /// Which features are listed.
    Query => FeatureFilter {
        /// Only those of the product with this code.
        product: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists features.
#[utoipa::path(get, path = "/v1/admin/features", tag = "operator", params(Query), responses(
    (status = 200, body = api::List<api::Feature>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<Query>,
) -> Result<Json<api::List<api::Feature>>> {
    Ok(Json(shape::page(app.authority.features(caller.sight(), query.list()).await?, shape::feature)))
}
