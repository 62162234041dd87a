use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditLicense;
use kaching_base::EndDate;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::LicensesWrite},
    problem::Result,
};

/// Changes a license.
#[utoipa::path(patch, path = "/v1/admin/licenses/{id}", tag = "operator", request_body = api::LicenseEdit, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::LicenseEdit>,
) -> Result<Response> {
    let edit = EditLicense {
        license_type: value.kind,
        starts_at: value.starts_at,
        expires_at: value.expires_at.map(|end| end.map(|EndDate(at)| at)),
        features: value.features.map(convert::same),
        limits: value.limits.unwrap_or_default(),
        policy: convert::policy_of(value.lease_policy),
        bindings: value.bindings.map(|edit| convert::list_edit(edit, convert::binding_of)),
        tags: value.tags.map(convert::same),
        notes: value.notes,
        metadata: value.metadata.unwrap_or_default(),
        force: value.force,
    };
    let edited = |cx| app.authority.edit_license(cx, address, edit);
    caller.change(&app, &sent, StatusCode::OK, convert::license, edited).await
}
