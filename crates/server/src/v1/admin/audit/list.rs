use axum::{Json, extract::State};
use kaching_api as api;
use kaching_authority::{ActorFilter, AuditFilter, List, domain::Scope};
use kaching_base::{EndDate, LicenseId, Timestamp};

use crate::{
    App, convert,
    extract::{Caller, Params, scope::Read},
    problem::{Rejected, Result},
};

/// Which entries are listed.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The number of items, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
    /// Only those about the thing with this id.
    target: Option<String>,
    /// Only those of this action, for example `license.suspend`.
    action: Option<String>,
    /// Only those of this moment and later.
    since: Option<Timestamp>,
    /// Only those before this moment; a bare day is included.
    until: Option<EndDate>,
    /// Only those of this actor: a kind (`operator`, `token`, `client`, `system`, `local`), or one with its id, as in
    /// `local:0`.
    #[param(pattern = "^(operator|token|client|system|local)(:[^\\u0000-\\u001f\\u007f-\\u009f]*)?$")]
    actor: Option<String>,
    /// Only those about the license with this id and about its activations.
    license: Option<LicenseId>,
    /// Only those about this customer, by id or reference, about its licenses and about their activations.
    customer: Option<String>,
}

/// Lists the audit log, newest first; personal data only with the scope `audit:personal`.
///
/// A page may have fewer entries than its limit while others follow: `next` says so.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "operator", params(AuditQuery), responses(
    (status = 200, body = api::List<api::AuditEntry>, description = "A page of them")))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller<Read>,
    Params(query): Params<AuditQuery>,
) -> Result<Json<api::List<api::AuditEntry>>> {
    let AuditQuery { limit, after, target, action, since, until, actor, license, customer } = query;
    let actor = actor.map(|text| text.parse::<ActorFilter>()).transpose();
    let filter = AuditFilter {
        target,
        action,
        since,
        until: until.map(|end| end.0),
        actor: actor.map_err(|error| Rejected::parse("/actor", &error))?,
        license,
        customer,
        personal: caller.rights().may(Scope::AuditPersonal),
    };
    let page = app
        .authority
        .audit_entries(caller.sight(), List { limit, after, q: None, sort: None, filter })
        .await?;
    let items = page.items.into_iter().map(convert::audit_entry).collect::<Result<_>>()?;
    Ok(Json(api::List { items, next: page.next }))
}
