//! The tower layers, over a service of no framework and over a real router.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
    routing::get,
};
use http_body_util::BodyExt as _;
use kaching_client::{
    ErrorCode, RequireFeature, RequireLicense,
    testing::{FakeLicense, Plan},
};
use serde_json::{Value, json};
use tower::{Layer as _, Service, ServiceExt as _};

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

async fn asked(router: &Router, path: &str) -> (StatusCode, String, Value) {
    let answer = router.clone().oneshot(request(path)).await.unwrap();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind.unwrap_or_default(), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Answers with text, is ready every second time it is asked, and counts calls.
#[derive(Clone, Default)]
struct Moody {
    asked: usize,
    calls: Arc<AtomicUsize>,
}

impl Service<Request<()>> for Moody {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        if self.asked.is_multiple_of(2) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.asked.is_multiple_of(2), "called without having been ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new("done".to_owned())))
    }
}

#[tokio::test]
async fn the_service_inside_is_asked_when_ready_and_only_when_licensed() {
    let (guard, control) = FakeLicense::new("team").start();
    let inside = Moody::default();
    let calls = Arc::clone(&inside.calls);
    let mut service = RequireLicense::new(guard).layer(inside);
    for _ in 0..2 {
        let answer = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(answer.body(), "done");
    }
    control.refuse(ErrorCode::LicenseSuspended);
    let answer = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.body().contains("license_suspended"));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    control.reinstate();
    let answer = service.clone().oneshot(Request::new(())).await.unwrap();
    assert_eq!(answer.body(), "done");
}

#[tokio::test]
async fn a_denied_feature_says_what_to_do() {
    let (guard, control) = FakeLicense::new("community")
        .offer("federation", "Federation", "Link clusters across regions")
        .plan_above(Plan::new("team", "Team").feature("federation"))
        .contact("sales@example.com")
        .start();
    let links = get(async || "links").layer(RequireFeature::new(guard.clone(), "federation"));
    let app = Router::new()
        .route("/links", links)
        .route("/jobs", get(async || "jobs"))
        .route("/health", get(async || "ok"))
        .layer(RequireLicense::new(guard).exempt(|request| request.uri.path() == "/health"));

    let (status, kind, body) = asked(&app, "/links").await;
    assert_eq!((status, kind.as_str()), (StatusCode::FORBIDDEN, "application/problem+json"));
    assert_eq!(
        body,
        json!({
            "type": "urn:kaching:problem:feature_not_licensed",
            "title": "The license does not have this feature",
            "status": 403,
            "detail": "Federation is not part of the community plan. The Team plan has it: Link clusters across \
                       regions. Ask sales@example.com.",
            "code": "feature_not_licensed",
            "upgrade": {"plan": "team", "name": "Team", "benefit": "Link clusters across regions"},
            "contact": {"url": null, "email": "sales@example.com"},
        })
    );
    assert_eq!(asked(&app, "/jobs").await.0, StatusCode::OK);
    control.grant("federation");
    assert_eq!(asked(&app, "/links").await.0, StatusCode::OK);

    control.refuse(ErrorCode::LicenseRevoked);
    for path in ["/links", "/jobs"] {
        let (status, _, body) = asked(&app, path).await;
        assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &json!("license_revoked")));
    }
    assert_eq!(asked(&app, "/health").await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_a_statement_the_code_is_unknown() {
    let (guard, _control) = FakeLicense::new("team").start_unlicensed();
    let app = Router::new().route("/", get(async || "in")).layer(RequireLicense::new(guard));
    let (status, _, body) = asked(&app, "/").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body["code"], "unknown");
    assert_eq!(body["detail"], "No license key has been entered yet.");
}
