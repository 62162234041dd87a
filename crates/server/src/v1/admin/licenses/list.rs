use std::collections::BTreeMap;

use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::{LicenseFilter, List};
use kaching_base::{LicenseType, Timestamp};

use crate::{
    App, convert,
    extract::{Caller, Params, metadata, scope::Read},
    problem::Result,
};

/// Which licenses are listed.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LicenseQuery {
    /// The number of items, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
    /// Words, or their beginnings, that must all be found.
    q: Option<String>,
    /// `created_at` or `expires_at`, with `-` before it for the reverse.
    #[param(pattern = "^-?(created_at|expires_at)$")]
    sort: Option<String>,
    /// Only those of the product with this code.
    product: Option<String>,
    /// Only those of this plan, `<product>:<code>`.
    plan: Option<String>,
    /// Only those of this customer, by id or reference.
    customer: Option<String>,
    /// Only those of this status.
    status: Option<api::LicenseStatus>,
    /// Only those in this state.
    state: Option<api::LicenseState>,
    /// Only those of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    license_type: Option<LicenseType>,
    /// Only those with this tag.
    tag: Option<String>,
    /// Only those with this entry of metadata, as in `metadata[order]=77123`; may be given for several keys.
    #[serde(default, deserialize_with = "metadata")]
    #[param(style = DeepObject, explode = true)]
    metadata: BTreeMap<String, String>,
    /// Only licenses that end before this.
    expires_before: Option<Timestamp>,
    /// Only licenses that end after this.
    expires_after: Option<Timestamp>,
    /// Also archived ones.
    #[serde(default)]
    archived: bool,
}

/// Lists licenses.
///
/// `q` searches their tags and metadata, and the name, company and reference of their customer; mail
/// addresses only with the scope `personal:read`.
#[utoipa::path(get, path = "/v1/admin/licenses", tag = "operator", params(LicenseQuery), responses(
    (status = 200, body = api::List<api::License>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<LicenseQuery>,
) -> Result<Json<api::List<api::License>>> {
    let LicenseQuery {
        limit, after, q, sort, product, plan, customer, status, state, license_type, tag, ..
    } = query;
    let filter = LicenseFilter {
        product,
        plan,
        customer,
        status: status.map(convert::status_of),
        state: state.map(convert::state_of),
        license_type,
        tag,
        metadata: query.metadata,
        expires_before: query.expires_before,
        expires_after: query.expires_after,
        archived: query.archived,
        personal: caller.sees_personal(),
    };
    let found = app.authority.licenses(caller.sight(), List { limit, after, q, sort, filter }).await?;
    Ok(Json(convert::page(found, convert::license)))
}
