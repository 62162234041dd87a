use axum::{Extension, extract::State, http::StatusCode};
use kaching_api::{ReportKind, ReportRequest};
use kaching_authority::reports;

use super::activate::{product_cx, read_nonce};
use crate::{
    App,
    admission::Class,
    edge::Arrival,
    extract::{Body, Credential, Public},
    limits::Purpose,
    metrics::Kind,
    problem::Result,
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
    app.authority
        .report(product_cx(&arrival), input)
        .await
        .inspect_err(|error| app.metrics.limited_today(Kind::Reports, error))?;
    Ok(StatusCode::NO_CONTENT)
}
