use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditLicense;
use kaching_base::EndDate;

use crate::{
    App,
    extract::{At, Body, Caller, scope::LicensesWrite},
    problem::Result,
    shape,
};

/// Changes what is said of a license.
#[utoipa::path(patch, path = "/v1/admin/licenses/{id}", tag = "operator", request_body = api::LicenseEdit, responses(
    (status = 200, body = api::License, description = "The license as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<LicensesWrite>,
    At(address): At,
    Body { value, sent }: Body<api::LicenseEdit>,
) -> Result<Response> {
    let edit = EditLicense {
        license_type: value.kind,
        starts_at: value.starts_at,
        expires_at: value.expires_at.map(|end| end.map(|EndDate(at)| at)),
        features: value.features.map(shape::same),
        limits: value.limits.unwrap_or_default(),
        policy: shape::policy_of(value.lease_policy),
        bindings: value.bindings.map(|edit| shape::list_edit(edit, shape::binding_of)),
        tags: value.tags.map(shape::same),
        notes: value.notes,
        metadata: value.metadata.unwrap_or_default(),
        force: value.force,
    };
    let edited = |cx| app.authority.edit_license(cx, address, edit);
    caller.change(&app, &sent, StatusCode::OK, shape::license, edited).await
}
