use axum::{extract::State, http::StatusCode, response::Response};
use kaching_api::{Quota, Upgrade};
use kaching_base::{Code, ErrorCode, LicenseType, Limits, Timestamp};
use serde::Serialize;

use super::{
    LicensingRouter, Rejected,
    rejected::{json, respond},
};
use crate::Guard;

#[derive(Serialize)]
struct Status {
    customer_id: Option<String>,
    license_type: LicenseType,
    expires_at: Option<Timestamp>,
    features: Vec<Code>,
    limits: Limits,
    quotas: Vec<Quota>,
    state: &'static str,
    days_left: Option<i64>,
    upgrade: Option<Upgrade>,
}

/// `GET /status`
pub(super) async fn status(State(router): State<LicensingRouter>) -> Result<Response, Rejected> {
    show(&router.guard).await
}

/// Answers with the license as it is known here.
pub(super) async fn show(guard: &Guard) -> Result<Response, Rejected> {
    let license = guard.blocking(Guard::license).await.ok_or_else(Rejected::busy)?;
    let granted = license.granted.ok_or_else(nothing)?;
    Ok(json(&Status {
        customer_id: license.customer,
        license_type: granted.kind,
        expires_at: granted.expires_at,
        features: granted.features,
        limits: granted.limits,
        quotas: license.quotas,
        state: license.state.state,
        days_left: granted.days_left,
        upgrade: license.upgrade,
    }))
}

/// `GET /lease`
pub(super) async fn lease(State(router): State<LicensingRouter>) -> Result<Response, Rejected> {
    let handover = router.guard.blocking(Guard::handover).await.ok_or_else(Rejected::busy)?;
    let handover = handover.ok_or_else(nothing)?;
    Ok(respond(StatusCode::OK, "application/json", handover))
}

pub(super) fn nothing() -> Rejected {
    let detail = "There is no license here yet: activate one with its key.";
    Rejected::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, detail)
}
