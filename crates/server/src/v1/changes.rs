use std::time::Duration;

use axum::{Extension, Json, extract::State};
use kaching_api::Changes;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    arrival::Arrival,
    convert,
    extract::{Bearer, LongPoll, Params, Public},
    problem::{Rejected, Result},
};

/// The state that a client knows, and the time that it waits.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// The revision that the client has.
    #[param(minimum = 0, maximum = 9007199254740991_i64)]
    rev: u64,
    /// Seconds to wait for a higher one, 0 to 55.
    #[serde(default)]
    #[param(minimum = 0, maximum = 55)]
    wait: u64,
}

/// Answers whether the license changed: immediately if it did, else when it does or the wait is over.
#[utoipa::path(get, path = "/v1/changes", tag = "product", params(Since), responses(
    (status = 200, body = Changes, description = "The present revision")))]
pub(crate) async fn changes(
    State(app): State<App>,
    _: Public<LongPoll>,
    Extension(arrival): Extension<Arrival>,
    Bearer(lease): Bearer,
    Params(Since { rev, wait }): Params<Since>,
) -> Result<Json<Changes>> {
    if wait > 55 {
        return Err(Rejected::invalid("/wait", "wait is 0 to 55 seconds"));
    }
    let rev = i64::try_from(rev).map_err(|_| Rejected::invalid("/rev", "no revision is that high"))?;
    let bearer = app.authority.bearer(&lease).await?;
    app.limit_changes(&bearer, arrival.address)?;
    // Without a slot, the call is answered immediately, as if it had asked for no wait.
    let place = if wait > 0 { app.long_poll_slots.take(&bearer, arrival.address).ok() } else { None };
    let longest = place.as_ref().map_or(Duration::ZERO, |_| Duration::from_secs(wait));
    let change = app.authority.wait_for_change(bearer, rev, longest).await?;
    Ok(Json(convert::change(&change, Some(app.authority.now()))))
}
