use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::{List, activations::ActivationFilter};
use kaching_base::{FingerprintKind, LicenseId};

use crate::{
    App, convert,
    extract::{Caller, Params, scope::Read},
    problem::Result,
};

/// Which activations are listed.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivationQuery {
    /// The number of items, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
    /// Words, or their beginnings, that must all be found.
    q: Option<String>,
    /// `created_at`, with `-` before it for the reverse.
    sort: Option<String>,
    /// Only those of the license with this id.
    license: Option<LicenseId>,
    /// Only those of this status.
    status: Option<api::ActivationStatus>,
    /// Only those of this kind of fingerprint.
    kind: Option<FingerprintKind>,
}

/// Lists activations; the addresses that they call from are shown only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/activations", tag = "operator", params(ActivationQuery), responses(
    (status = 200, body = api::List<api::Activation>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<ActivationQuery>,
) -> Result<Json<api::List<api::Activation>>> {
    let ActivationQuery { limit, after, q, sort, license, status, kind } = query;
    let filter = ActivationFilter { license, status: status.map(convert::activation_status_of), kind };
    let found = app.authority.activations(caller.sight(), List { limit, after, q, sort, filter }).await?;
    let personal = caller.sees_personal();
    Ok(Json(convert::page(found, |one| convert::activation_for(one, personal))))
}
