//! Every route, and what lies around them.

use axum::{Router, extract::State, http::header, middleware, response::IntoResponse, routing::get};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{App, Peer, edge, health, openapi, problem::Rejected, v1, well_known};

/// What products reach: no operator call, no metrics. Every request carries its [`Peer`] as an extension.
pub fn product(app: &App) -> Router {
    around(app, product_routes().split_for_parts().0)
}

/// Everything: for the private address and the local socket. Every request carries its [`Peer`] as an extension.
pub fn everything(app: &App) -> Router {
    let (routes, _) = product_routes().merge(operator_routes()).split_for_parts();
    around(app, routes)
}

/// Everything for a caller within this process: the command line where nothing serves.
pub fn local(app: &App, uid: u32) -> Router {
    everything(app).layer(axum::Extension(Peer::Local(uid)))
}

pub(crate) fn product_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(well_known::routes())
        .merge(v1::product_routes())
        .merge(health::public_routes())
        .route("/openapi.json", get(describe))
}

pub(crate) fn operator_routes() -> OpenApiRouter<App> {
    v1::admin::routes().merge(health::private_routes())
}

async fn describe(State(_): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi::text())
}

/// The edge is outside of the router, so that it sees paths that have no route, and may change them.
pub(crate) fn around(app: &App, routes: Router<App>) -> Router {
    let routes = routes
        .route_layer(middleware::from_fn(edge::name_route))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app.clone());
    Router::new().fallback_service(routes).layer(middleware::from_fn_with_state(app.clone(), edge::edge))
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
