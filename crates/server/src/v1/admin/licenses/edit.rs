use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditLicense;

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
        expires_at: value.expires_at,
        features: value.features,
        limits: value.limits.unwrap_or_default(),
        policy: shape::policy_of(value.lease_policy),
        bindings: value.bindings.map(|bindings| bindings.into_iter().map(shape::binding_of).collect()),
        tags: value.tags,
        notes: value.notes,
        metadata: value.metadata.unwrap_or_default(),
        force: value.force,
    };
    let edited = |cx| app.authority.edit_license(cx, address, edit);
    caller.change(&sent, StatusCode::OK, shape::license, edited).await
}
