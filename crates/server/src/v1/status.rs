use axum::{Extension, Json, extract::State};
use kaching_api::{PlanSummary, Status, StatusActivations};
use kaching_authority::status::Asker;

use crate::{
    App,
    admission::Turn,
    arrival::Arrival,
    convert,
    extract::{KeyCall, Offered, Public, parse_key},
    limits::KeyPurpose,
    problem::{Rejected, Result, holder, upgrade},
    route::CallClass,
};

/// Shows the status of a license to its customer.
#[utoipa::path(get, path = "/v1/status", tag = "product", responses(
    (status = 200, body = Status, description = "The status")))]
pub(crate) async fn status(
    State(app): State<App>,
    _: Public<KeyCall>,
    Extension(arrival): Extension<Arrival>,
    offered: Offered,
) -> Result<Json<Status>> {
    let (asker, _turn) = asker(&app, &arrival, offered).await?;
    let standing = app.authority.status(asker).await;
    let standing = standing.map_err(|error| app.failed(&arrival, error.into()))?;
    let license = convert::product_license(standing.license);
    Ok(Json(Status {
        plan: PlanSummary { code: license.plan.clone(), name: standing.plan_name, rank: standing.plan_rank },
        state: license.state,
        license,
        quotas: standing.quotas.into_iter().map(convert::quota).collect(),
        activations: StatusActivations {
            active: standing.active,
            items: standing.activations.into_iter().map(holder).collect(),
        },
        days_left: standing.days_left,
        next: standing.next,
        upgrade: standing.upgrade.map(upgrade),
    }))
}

/// Returns the caller, by a verified lease or a well-formed key, with its place among the served calls.
pub(super) async fn asker(app: &App, arrival: &Arrival, offered: Offered) -> Result<(Asker, Turn)> {
    match offered {
        Offered::Lease(lease) => {
            let bearer = app.authority.bearer(&lease).await?;
            app.limit_lease(bearer.activation)?;
            Ok((Asker::Lease(bearer), app.turn(CallClass::Keys).await?))
        }
        Offered::Key(key) => {
            let key = parse_key(&key).map_err(|rejected: Rejected| app.failed(arrival, rejected))?;
            let turn = app.by_key(arrival, &key, KeyPurpose::Other).await?.into_turn();
            Ok((Asker::Key(key), turn))
        }
    }
}
