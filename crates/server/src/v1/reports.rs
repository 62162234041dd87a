use axum::{Extension, extract::State, http::StatusCode};
use kaching_api::{ReportKind, ReportRequest};
use kaching_authority::reports;

use super::activate::{product_cx, read_nonce};
use crate::{
    App,
    arrival::Arrival,
    extract::{Body, Credential, CredentialCall, Public},
    limits::Purpose,
    metrics::LimitKind,
    problem::Result,
};

/// Records in the audit log what happened in the product.
#[utoipa::path(post, path = "/v1/reports", tag = "product", request_body = ReportRequest, responses(
    (status = 204, description = "It is written down")))]
pub(crate) async fn report(
    State(app): State<App>,
    public: Public<CredentialCall>,
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
    let _turn = public.turn(&app).await?;
    app.authority
        .report(product_cx(&arrival), input)
        .await
        .inspect_err(|error| app.metrics.limited_today(LimitKind::Reports, error))?;
    Ok(StatusCode::NO_CONTENT)
}
