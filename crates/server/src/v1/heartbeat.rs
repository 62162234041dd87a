use std::time::Duration;

use axum::{Extension, Json, extract::State};
use kaching_api::{HeartbeatAnswer, HeartbeatRequest};
use kaching_authority::activations;

use super::activate::{product_cx, read_nonce};
use crate::{
    App,
    arrival::Arrival,
    convert,
    extract::{Body, Credential, HeartbeatCall, Public},
    limits::Purpose,
    problem::{Rejected, Result},
};

/// Longer ago is no measurement any more.
const LONGEST_HEARD_MS: u64 = 86_400_000;

/// As many increments as a client of any version sends.
const MOST_USAGE: usize = 200;

/// Renews the lease.
#[utoipa::path(post, path = "/v1/heartbeat", tag = "product", request_body = HeartbeatRequest, responses(
    (status = 200, body = HeartbeatAnswer, description = "The lease is renewed")))]
pub(crate) async fn heartbeat(
    State(app): State<App>,
    public: Public<HeartbeatCall>,
    Extension(arrival): Extension<Arrival>,
    Credential(authorization): Credential,
    body: Body<HeartbeatRequest>,
) -> Result<Json<HeartbeatAnswer>> {
    let request = body.sent.request_hash(Some(&authorization));
    let proof = app.prove(&arrival, authorization, request, Purpose::Heartbeat)?;
    let shown = proof.authorization();
    let shown = (shown.activation, shown.generation, shown.number);
    let HeartbeatRequest { nonce, fpr, version, health, levels, usage, log: _, heard_ms } = body.value;
    if heard_ms.is_some_and(|ms| ms > LONGEST_HEARD_MS) {
        return Err(Rejected::invalid("/heard_ms", "heard_ms is at most a day, 86400000"));
    }
    if usage.len() > MOST_USAGE {
        let detail =
            format!("a heartbeat carries at most {MOST_USAGE} entries of usage: send the rest with the next");
        return Err(Rejected::invalid("/usage", detail));
    }
    let input = activations::Heartbeat {
        proof,
        nonce: read_nonce(&nonce)?,
        fpr: fpr.parse().map_err(|error| Rejected::parse("/fpr", &error))?,
        version: convert::short_text("/version", version)?,
        health: health
            .map(|health| {
                let detail = convert::short_text("/health/detail", health.detail)?;
                let status = convert::health_word(health.status).to_owned();
                Ok::<_, Rejected>(activations::Health { status, detail })
            })
            .transpose()?,
        levels,
        usage: usage
            .into_iter()
            .map(|kaching_api::Usage { meter, amount, seq, at }| activations::Usage {
                meter,
                amount,
                seq,
                at,
            })
            .collect(),
    };
    let _turn = public.turn(&app).await?;
    let answer = app.authority.heartbeat(product_cx(&arrival), input).await;
    app.heartbeat_answered(shown, &answer);
    // A client that proved its activation is believed, even if the answer is a refusal.
    if let Some(ms) = heard_ms.filter(|_| answer.is_ok()) {
        app.metrics.propagation.observe(Duration::from_millis(ms).as_secs_f64());
    }
    let renewed = convert::granted(answer)?;
    Ok(Json(HeartbeatAnswer {
        lease: renewed.lease,
        quotas: renewed.quotas.into_iter().map(convert::quota).collect(),
        consistency: None,
        warnings: renewed.warnings,
    }))
}
