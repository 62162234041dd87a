use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api as api;
use kaching_authority::NewPlan;

use crate::{
    App, convert,
    extract::{Body, Caller, Changes, scope::CatalogueWrite},
    problem::Result,
};

/// Makes a plan of a product.
#[utoipa::path(post, path = "/v1/admin/plans", tag = "operator", request_body = api::PlanCreate, responses(
    (status = 201, body = api::Plan, description = "The new plan")))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller<CatalogueWrite, Changes>,
    Body { value, sent }: Body<api::PlanCreate>,
) -> Result<Response> {
    let api::PlanCreate { product, code, name, rank, kind, features, limits, lease_policy, price, .. } =
        value;
    let new = NewPlan {
        product: product.to_string(),
        code,
        name,
        rank,
        license_type: kind,
        features,
        limits,
        term: convert::term_of(value.term, value.term_days, "/term_days")?,
        policy: convert::policy_of(lease_policy),
        price,
    };
    caller
        .change(&app, &sent, StatusCode::CREATED, convert::plan, |cx| app.authority.create_plan(cx, new))
        .await
}
