mod stream;

use axum::{
    Extension,
    extract::State,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use kaching_api::Changes;
use kaching_authority::changes::ListenMode;
use kaching_base::ErrorCode;

use crate::{
    App,
    arrival::Arrival,
    extract::{Bearer, EventStream, Public},
    metrics::LimitKind,
    problem::{Rejected, Result},
};

/// The time before a refused client asks for a place again.
const NO_PLACE_S: u64 = 10;

/// Streams changes as they happen.
///
/// Server-Sent Events, whose `data` is a JSON object of one line. The first is the present state; then follow
/// `license`, after which a heartbeat is due within `within_ms`, `refusal`, which is signed, and every 15 seconds
/// `ping`. A newer stream of the same activation ends this one; so do the end of the lease's time to run and a server that
/// stops. The last event is then `end`, which says why: a connection that is lost has none.
#[utoipa::path(get, path = "/v1/events", tag = "product", responses(
    (status = 200, body = Changes, content_type = "text/event-stream", description = "The stream")))]
pub(crate) async fn events(
    State(app): State<App>,
    _: Public<EventStream>,
    Extension(arrival): Extension<Arrival>,
    Bearer(lease): Bearer,
) -> Result<Response> {
    let bearer = app.authority.bearer(&lease).await?;
    app.limit_changes(&bearer, arrival.address)?;
    let place = app.long_poll_slots.take(&bearer, arrival.address).map_err(|full| {
        if full.is_own() {
            app.metrics.limited(LimitKind::Changes);
            let detail = format!("there is no place for another stream: {full}; end one, or ask later");
            return Rejected::new(ErrorCode::RateLimited, detail).retry_after(NO_PLACE_S);
        }
        let cause = format!("there is no place for another stream: {full}");
        Rejected::overloaded().because(cause).retry_after(NO_PLACE_S)
    })?;
    let listener = app.authority.listen(bearer, ListenMode::Stream);
    let first = app.authority.snapshot(&listener, bearer.rev).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy that gathers answers would keep every event for itself.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, stream::begin(app, listener, place, &first)).into_response())
}
