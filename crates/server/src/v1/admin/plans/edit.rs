use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::EditPlan;

use crate::{
    App, convert,
    extract::{AtVersioned, Body, Caller, Changes, scope::CatalogueWrite},
    problem::Result,
};

/// Changes a plan, for new licenses.
#[utoipa::path(patch, path = "/v1/admin/plans/{id}", tag = "operator", request_body = api::PlanEdit, responses(
    (status = 200, body = api::Plan, description = "The plan as it is now")))]
pub(crate) async fn edit(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    AtVersioned(address): AtVersioned,
    Body { value, sent }: Body<api::PlanEdit>,
) -> Result<Response> {
    let api::PlanEdit { name, rank, kind, features, limits, term, term_days, lease_policy, price } = value;
    let said = term.is_some() || term_days.is_some();
    let term = convert::term_of(term.flatten(), term_days.flatten(), "/term_days")?;
    let edit = EditPlan {
        name,
        rank,
        license_type: kind,
        features: features.map(convert::same),
        limits: limits.unwrap_or_default(),
        term: said.then_some(term),
        policy: convert::policy_of(lease_policy),
        price,
    };
    let edited = |cx| app.authority.edit_plan(cx, address, edit);
    caller.change(&app, &sent, StatusCode::OK, convert::plan, edited).await
}
