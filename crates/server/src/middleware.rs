//! The middleware around every request.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, Version, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use kaching_base::ErrorCode;
use tracing::{Instrument as _, field::Empty};

use crate::{
    App, Peer,
    arrival::Arrival,
    limits::noting,
    metrics,
    problem::Rejected,
    request_name::{RequestName, X_REQUEST_ID},
    route::{Facts, Table},
};

/// The longest path with its parameters, in bytes.
const LONGEST_URI: usize = 16 * 1024;

/// Marks a request that came over a connection, where HTTP has additional rules for the head.
#[derive(Clone, Copy)]
pub(crate) struct OverConnection;

/// Names the request, finds its address, limits its time, counts it, and renders problems.
pub(crate) async fn handle(
    State((app, table)): State<(App, Table)>,
    mut request: Request,
    next: Next,
) -> Response {
    let name = RequestName::new(app.request_id(), request.headers());
    let started = app.now();
    let (method, path) = (request.method().clone(), below(request.uri(), app.base.path()));
    if let Some(uri) = path {
        *request.uri_mut() = uri;
    }
    let Some(peer) = request.extensions().get::<Peer>().copied() else {
        return Rejected::failure("a listener did not say who its peer is").render(&name);
    };
    let address = peer.address(request.headers(), &app.trusted_proxies);
    app.untrusted_forwarder.notice(&peer, request.headers(), &app.trusted_proxies);
    request.extensions_mut().insert(Arrival { request: name.id, peer, address });

    let span = tracing::debug_span!(
        "request",
        request = %name,
        own_request = name.own().map(tracing::field::display),
        method = word_of(&method),
        route = Empty,
        status = Empty,
        code = Empty
    );
    app.metrics.in_flight.inc();
    let _in_flight = InFlight(&app);
    // A route that is called to wait has no parameters in its path.
    let waits = table.find(&method, request.uri().path()).map_or(Duration::ZERO, |facts| facts.longest_wait);
    let longest = app.request_timeout + waits;
    let answer = async move {
        match check_head(&request) {
            Ok(()) => next.run(request).await,
            Err(rejected) => rejected.into_response(),
        }
    };
    let (answered, budget) = noting(tokio::time::timeout(longest, answer)).instrument(span.clone()).await;
    let response = match answered {
        Ok(response) => response,
        // What was begun is not undone by our giving up: a write may still commit.
        Err(_) if method == Method::GET || method == Method::HEAD => timed_out(Rejected::overloaded()),
        Err(_) => timed_out(Rejected::outcome_unknown()),
    };
    let route = response.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (mut response, code) = finish(&app, response, &name, &route);
    if app.is_leaving() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(budget) = budget {
        budget.write(response.headers_mut());
    }
    span.record("route", &route).record("status", response.status().as_u16()).record("code", &code);
    let elapsed = (app.now().micros() - started.micros()).max(0);
    let facts = table.find(&method, &route);
    count(&app, facts, &method, route, code, response.status(), elapsed);
    response
}

/// A gauge that goes down even when the client hangs up and the future is dropped.
struct InFlight<'a>(&'a App);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

/// Checks a head that could be read.
fn check_head(request: &Request) -> Result<(), Rejected> {
    if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > LONGEST_URI) {
        let detail = "the path and its parameters are at most 16 KiB";
        return Err(Rejected::new(ErrorCode::UriTooLong, detail));
    }
    // RFC 9112, section 3.2.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let over_connection = request.extensions().get::<OverConnection>().is_some();
    if over_connection && request.version() == Version::HTTP_11 && hosts != 1 {
        let detail = "a request of HTTP/1.1 has exactly one Host header";
        return Err(Rejected::new(ErrorCode::MalformedBody, detail));
    }
    Ok(())
}

fn timed_out(rejected: Rejected) -> Response {
    rejected.because("the request took too long").into_response()
}

/// Returns the path below that of the public URL, if a proxy passed that on.
fn below(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    match rest.as_bytes().first() {
        Some(b'/') => rest.parse().ok(),
        None | Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    }
}

fn finish(app: &App, mut response: Response, name: &RequestName, route: &str) -> (Response, String) {
    let mut code = "ok".to_owned();
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let rejected =
            response.extensions_mut().remove::<Rejected>().unwrap_or_else(|| Rejected::of_status(status));
        code = rejected.code().to_owned();
        match rejected.cause() {
            Some(cause) if rejected.problem.status == 500 => {
                tracing::error!(request = %name, route, "{cause}")
            }
            // A cause that many requests share is logged once a second.
            Some(cause) if app.first_this_second() => tracing::warn!(request = %name, route, code, "{cause}"),
            Some(cause) => tracing::debug!(request = %name, route, code, "{cause}"),
            None => tracing::debug!(request = %name, route, code, "refused"),
        }
        let allow = response.headers().get(header::ALLOW).cloned();
        response = rejected.render(name);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, name.header());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Statements are fresh or they are nothing; what may be kept says so itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    (response, code)
}

fn count(
    app: &App,
    facts: Option<&Facts>,
    method: &Method,
    route: String,
    code: String,
    status: StatusCode,
    micros: i64,
) {
    #[expect(clippy::cast_precision_loss, reason = "a duration needs no more digits than a float has")]
    let seconds = micros as f64 / 1e6;
    app.metrics.availability.count(facts, status, micros);
    app.metrics.duration.get_or_create(&metrics::Route { route: route.clone() }).observe(seconds);
    let method = word_of(method).to_owned();
    let labels = metrics::Request { route, method, status: status.as_u16(), code };
    app.metrics.requests.get_or_create(&labels).inc();
}

/// Returns the method's name as a label. An undefined one would be a label that a stranger chooses.
fn word_of(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
    ];
    if known.contains(method) { method.as_str() } else { "other" }
}

/// Hands the template of the route out to [`handle`], which is outside of the router.
pub(crate) async fn name_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_one_below_the_public_url() {
        let cases = [
            ("/v1/status?a=%20", "", None),
            ("/licenses/v1/status?a=%20", "/licenses", Some("/v1/status?a=%20")),
            ("/v1/status", "/licenses", None),
            ("/licensesv1", "/licenses", None),
            ("/licenses", "/licenses", Some("/")),
            ("/licenses?x", "/licenses", Some("/?x")),
        ];
        for (uri, prefix, expected) in cases {
            let found = below(&uri.parse().unwrap(), prefix).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{uri} {prefix}");
        }
    }
}
