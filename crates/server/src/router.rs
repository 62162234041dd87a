//! Every route, and the middleware around them.

use std::sync::OnceLock;

use axum::{
    Router,
    extract::State,
    http::header,
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::get,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    App, Peer, health, middleware, openapi,
    problem::Rejected,
    route::{Routes, Table},
    v1, well_known,
};

/// Returns the routes that products reach: no operator call, no metrics. Every request carries its [`Peer`] as an extension.
pub fn product(app: &App) -> Router {
    around(app, product_routes().into_parts())
}

/// Returns all routes, for the private address and the local socket. Every request carries its [`Peer`] as an extension.
pub fn everything(app: &App) -> Router {
    around(app, all_routes().into_parts())
}

/// Returns all routes for a caller within this process: the command line when no server runs.
pub fn local(app: &App, uid: u32) -> Router {
    everything(app).layer(axum::Extension(Peer::Local(uid)))
}

pub(crate) fn product_routes() -> Routes<App> {
    Routes::new()
        .merge(well_known::routes())
        .merge(v1::product_routes())
        .merge(health::public_routes())
        .add_undescribed("/openapi.json", get(describe))
}

pub(crate) fn operator_routes() -> Routes<App> {
    v1::admin::routes().merge(health::private_routes())
}

/// Every route of the API.
pub(crate) fn all_routes() -> Routes<App> {
    product_routes().merge(operator_routes())
}

/// Returns the description of the API as JSON text.
pub fn description() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", openapi::document(all_routes().describe())))
}

async fn describe(State(_): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], description())
}

/// The outer middleware is outside of the router, so that it sees paths that have no route, and may change them.
pub(crate) fn around(app: &App, (routes, table): (Router<App>, Table)) -> Router {
    let routes = routes
        .route_layer(from_fn(middleware::name_route))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app.clone());
    Router::new().fallback_service(routes).layer(from_fn_with_state((app.clone(), table), middleware::handle))
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Rejected::failure(format!("a handler panicked: {}", text.unwrap_or("without a text"))).into_response()
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_without_its_text() {
        let handler = get(|| async { panic!("the secret is {}", 17) as () });
        let router: Router = Router::new().route("/", handler).layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(axum::extract::Request::new(axum::body::Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let rejected = response.extensions().get::<Rejected>().unwrap();
        assert_eq!(rejected.cause(), Some("a handler panicked: the secret is 17"));
        assert!(rejected.code() == "failure" && !rejected.problem.detail.contains("17"));
    }
}
