use axum::{Extension, extract::State, http::StatusCode};
use kaching_api::{ReportKind, ReportRequest};
use kaching_authority::reports;
use kaching_base::ErrorCode;

use super::activate::{product_cx, read_nonce};
use crate::{
    App,
    admission::Class,
    edge::Arrival,
    extract::{Body, Credential, Public},
    limits::Purpose,
    metrics::Kind,
    problem::{Rejected, Result},
};

/// Tells the audit log what happened in the product.
#[utoipa::path(post, path = "/v1/reports", tag = "product", request_body = ReportRequest, responses(
    (status = 204, description = "It is written down")))]
pub(crate) async fn report(
    State(app): State<App>,
    _: Public,
    Extension(arrival): Extension<Arrival>,
    Credential(authorization): Credential,
    body: Body<ReportRequest>,
) -> Result<StatusCode> {
    let request = body.sent.request_hash(Some(&authorization));
    let proof = app.prove(&arrival, authorization, request, Purpose::Report)?;
    let ReportRequest { kind, detail, at, nonce } = body.value;
    let input = reports::Report {
        proof,
        nonce: read_nonce(&nonce)?,
        kind: match kind {
            ReportKind::Security => reports::ReportKind::Security,
            ReportKind::Compliance => reports::ReportKind::Compliance,
            ReportKind::Health => reports::ReportKind::Health,
        },
        detail,
        at,
    };
    let _turn = app.turn(Class::Heartbeats).await?;
    match app.authority.report(product_cx(&arrival), input).await? {
        reports::Reported::Written => Ok(StatusCode::NO_CONTENT),
        reports::Reported::TooMany { retry_after } => {
            app.metrics.limited(Kind::Reports);
            let detail = "the license has reported as much as is stored in a day (UTC); wait as long as Retry-After says";
            let wait = retry_after.0.unsigned_abs();
            Err(Rejected::new(ErrorCode::RateLimited, detail).retry_after(wait))
        }
    }
}
