use axum::{Json, extract::State};
use kaching_api as api;

use crate::{
    App,
    extract::{Caller, scope::Read},
    problem::Result,
};

/// Counts licenses by their state, and activations.
#[utoipa::path(get, path = "/v1/admin/stats", tag = "operator", responses(
    (status = 200, body = api::Stats, description = "The numbers")))]
pub(crate) async fn stats(State(app): State<App>, caller: Caller<Read>) -> Result<Json<api::Stats>> {
    let s = app.authority.stats(caller.sight()).await?;
    Ok(Json(api::Stats {
        total: s.total,
        active: s.active,
        expired: s.expired,
        expiring_soon: s.expiring_soon,
        suspended: s.suspended,
        revoked: s.revoked,
        not_started: s.not_started,
        activations: s.activations,
    }))
}
