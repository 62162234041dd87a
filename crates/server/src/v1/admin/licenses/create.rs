use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::{NewLicense, domain::licenses::Draft};
use kaching_base::EndDate;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::LicensesWrite},
    problem::{Rejected, Result},
};

/// Makes a license; its key is in this answer.
#[utoipa::path(post, path = "/v1/admin/licenses", tag = "operator", request_body = api::LicenseCreate, responses(
    (status = 201, body = api::License, description = "The new license with its key")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<LicensesWrite, Changes>,
    Body { value, sent }: Body<api::LicenseCreate>,
) -> Result<Response> {
    let new = new_license(value)?;
    caller
        .change(&app, &sent, StatusCode::CREATED, convert::license, |cx| {
            app.authority.create_license(cx, new)
        })
        .await
}

/// Converts the members of a new license.
pub(super) fn new_license(value: api::LicenseCreate) -> Result<NewLicense> {
    if value.start.is_some() && value.starts_at.is_some() {
        return Err(Rejected::invalid("/start", "starts_at and start exclude each other; keep one"));
    }
    Ok(NewLicense {
        customer: value.customer,
        product: value.product.to_string(),
        plan: value.plan.to_string(),
        key_format: value.key_format.map(convert::key_format_of),
        draft: Draft {
            license_type: value.kind,
            term: convert::term_of(value.term, value.days, "/days")?,
            expires_at: value.expires_at.map(|EndDate(at)| at),
            starts_at: value.starts_at,
            starts_at_first_activation: value.start.is_some(),
            features: value.features,
            limits: value.limits,
            policy: convert::policy_of(value.lease_policy),
            bindings: value.bindings.into_iter().map(convert::binding_of).collect(),
            tags: value.tags,
            notes: value.notes,
            metadata: value.metadata,
        },
    })
}
