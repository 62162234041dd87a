use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::FeatureFilter;

use crate::{
    App, convert,
    extract::{Caller, Params, list_query, scope::Read},
    problem::Result,
};

list_query! {
    /// Which features are listed.
    FeatureQuery => FeatureFilter {
        /// Only those of the product with this code.
        product: Option<String>,
        /// Also archived ones.
        archived: bool,
    }
}

/// Lists features.
#[utoipa::path(get, path = "/v1/admin/features", tag = "operator", params(FeatureQuery), responses(
    (status = 200, body = api::List<api::Feature>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<FeatureQuery>,
) -> Result<Json<api::List<api::Feature>>> {
    Ok(Json(convert::page(app.authority.features(caller.sight(), query.list()).await?, convert::feature)))
}
