use std::net::IpAddr;

use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::{List, activations::ActivationFilter};
use kaching_base::{ErrorCode, FingerprintKind, LicenseId};
use utoipa::openapi::Ref;

use crate::{
    App, convert,
    extract::{Caller, Params, scope::Read},
    problem::{Rejected, Result},
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
    #[param(pattern = "^-?created_at$")]
    sort: Option<String>,
    /// Only those of the license with this id.
    license: Option<LicenseId>,
    /// Only those of this status.
    status: Option<api::ActivationStatus>,
    /// Only those of this kind of fingerprint.
    kind: Option<FingerprintKind>,
    /// Only those of this customer's licenses, by id or reference.
    customer: Option<String>,
    /// Only those of the product with this code.
    product: Option<String>,
    /// Only those whose product reported exactly this version.
    version: Option<String>,
    /// Only those whose last report has this health.
    health: Option<api::HealthStatus>,
    /// Only those whose last call came from this address; needs the scope `personal:read`.
    #[param(schema_with = ip_address)]
    address: Option<String>,
}

/// Lists activations; the addresses that they call from are shown only with the scope `personal:read`.
///
/// A page may have fewer items than its limit while others follow: `next` says so.
#[utoipa::path(get, path = "/v1/admin/activations", tag = "operator", params(ActivationQuery), responses(
    (status = 200, body = api::List<api::Activation>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<ActivationQuery>,
) -> Result<Json<api::List<api::Activation>>> {
    let personal = caller.sees_personal();
    let ActivationQuery { limit, after, q, sort, license, status, kind, customer, product, version, .. } =
        query;
    let filter = ActivationFilter {
        license,
        status: status.map(convert::activation_status_of),
        kind,
        customer,
        product,
        version,
        health: query.health.map(convert::health_word),
        address: query.address.map(|text| address(&text, personal)).transpose()?,
    };
    let found = app.authority.activations(caller.sight(), List { limit, after, q, sort, filter }).await?;
    Ok(Json(convert::page(found, |one| convert::activation_for(one, personal))))
}

/// Returns the schema of the filter, with its description, which a schema of one's own replaces.
fn ip_address() -> Ref {
    let mut schema = Ref::from_schema_name("IpAddress");
    schema.description =
        "Only those whose last call came from this address; needs the scope `personal:read`.".to_owned();
    schema
}

/// Returns an address in the form in which it is stored. A filter shows who calls from an address, as the list would.
fn address(text: &str, personal: bool) -> Result<String> {
    if !personal {
        let detail = "an installation's address is personal data: to filter by it, your token needs the scope \
                      personal:read";
        return Err(Rejected::new(ErrorCode::Forbidden, detail));
    }
    let address: IpAddr = text.parse().map_err(|_| {
        Rejected::invalid("/address", "an address is an IP address, as in 203.0.113.7 or 2001:db8::7")
    })?;
    Ok(address.to_canonical().to_string())
}
