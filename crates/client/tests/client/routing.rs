//! The mountable router, nested as a product nests it.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, request::Parts},
};
use http_body_util::BodyExt as _;
use kaching_client::{Fingerprint, Guard, router, testing::FakeLicense};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    simulated::Launch as _,
    world::{KEY, World, eventually, until_active},
};

const OTHER: &str = "CHORUS-11111-11111-11111-11111-11111";

fn nested(guard: &Guard) -> Router {
    let admin = |request: &Parts| request.headers.get("x-admin").is_some_and(|who| who == "yes");
    Router::new().nest("/api/v1/licensing", router(guard.clone()).allow_writes(admin).into_router())
}

struct Answer {
    status: StatusCode,
    kind: String,
    body: Value,
}

async fn send(app: &Router, request: Request<Body>) -> Answer {
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Answer { status, kind, body: serde_json::from_slice(&body).unwrap() }
}

fn request(method: Method, call: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(format!("/api/v1/licensing/{call}"))
}

async fn shown(app: &Router, call: &str) -> Answer {
    send(app, request(Method::GET, call).body(Body::empty()).unwrap()).await
}

async fn posted(app: &Router, call: &str, body: Value) -> Answer {
    let request =
        request(Method::POST, call).header("x-admin", "yes").header("content-type", "application/json");
    send(app, request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_key_entered_by_the_router_activates_and_outlives_a_restart_without_key() {
    let world = World::new();
    let guard = world.keyless().start_unlicensed().unwrap();
    let app = nested(&guard);
    for call in ["status", "lease"] {
        let none = shown(&app, call).await;
        assert_eq!((none.status, &none.body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    }

    let wrong = posted(&app, "activate", json!({"license_key": OTHER})).await;
    assert_eq!((wrong.status, wrong.kind.as_str()), (StatusCode::BAD_REQUEST, "application/problem+json"));
    assert_eq!(wrong.body["code"], "license_not_found");
    assert!(wrong.body["detail"].as_str().unwrap().contains("Check the license key"), "{}", wrong.body);

    let done = posted(&app, "activate", json!({"license_key": KEY})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let granted = guard.license().granted.unwrap();
    assert_eq!(
        done.body,
        json!({"status": "activated", "customer_id": null, "expires_at": granted.expires_at,
            "activation_id": granted.activation})
    );
    until_active(&guard);
    guard.shutdown_async().await.unwrap();

    let guard = world.keyless().start().unwrap();
    guard.require("audit_export").unwrap();
    assert_eq!(shown(&nested(&guard), "status").await.status, StatusCode::OK);
    assert_eq!(world.authority.desk().generation, 1);
}

#[tokio::test]
async fn the_status_is_as_caio_had_it() {
    let world = World::new();
    let guard = world.start();
    eventually("the catalogue", || guard.license().contact.is_some());
    until_active(&guard);
    let status = shown(&nested(&guard), "status").await;
    assert_eq!((status.status, status.kind.as_str()), (StatusCode::OK, "application/json"));
    assert_eq!(
        status.body,
        json!({"customer_id": null, "license_type": "standard",
            "expires_at": guard.license().granted.unwrap().expires_at,
            "features": ["audit_export"], "limits": {"nodes": {"kind": "level", "max": 3}}, "quotas": [],
            "state": "active", "days_left": 364, "upgrade": {"plan": "team", "name": "Team"}})
    );
}

#[tokio::test]
async fn the_customer_is_the_one_whom_the_key_names() {
    let key = "CAIO-v1-CUST-001-e30=-00ff";
    let world = World::new();
    world.authority.change(|desk| desk.key = key.to_owned());
    let guard = world.keyless().start_unlicensed().unwrap();
    let app = nested(&guard);
    let done = posted(&app, "activate", json!({"license_key": key})).await;
    assert_eq!(done.body["customer_id"], "CUST-001");
    assert_eq!(shown(&app, "status").await.body["customer_id"], "CUST-001");
}

#[tokio::test]
async fn the_instance_of_the_header_is_the_fingerprint() {
    let world = World::new();
    let guard = world.keyless().start_unlicensed().unwrap();
    let app = nested(&guard);
    let named = |id: &str| {
        let request = request(Method::POST, "activate")
            .header("x-admin", "yes")
            .header("content-type", "application/json; charset=utf-8")
            .header("x-caio-instance-id", id);
        request.body(Body::from(json!({"license_key": KEY}).to_string())).unwrap()
    };
    let long = send(&app, named(&"x".repeat(257))).await;
    assert_eq!(long.status, StatusCode::BAD_REQUEST);
    assert!(long.body["detail"].as_str().unwrap().contains("1 to 256 bytes"), "{}", long.body);

    world.authority.change(|desk| desk.fingerprint = "caio-7".to_owned());
    let done = send(&app, named("caio-7")).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let sent = world.authority.desk().activations.last().cloned().unwrap();
    assert_eq!((&sent["fingerprint"], &sent["kind"]), (&json!("caio-7"), &json!("instance")));
}

#[tokio::test]
async fn a_renewal_asks_the_authority_and_shows_its_answer() {
    let world = World::new();
    let guard = world.start();
    until_active(&guard);
    let app = nested(&guard);
    world.authority.change(|desk| desk.plan = "team");
    let empty = request(Method::POST, "renew").header("x-admin", "yes").body(Body::empty()).unwrap();
    let renewed = send(&app, empty).await;
    assert_eq!(renewed.status, StatusCode::OK);
    assert_eq!(renewed.body["features"], json!(["audit_export", "federation"]));
    assert_eq!(posted(&app, "renew", json!({})).await.status, StatusCode::OK);

    let beats = world.authority.desk().beats.len();
    let entered = posted(&app, "renew", json!({"license_key": KEY})).await;
    assert_eq!((entered.status, &entered.body["state"]), (StatusCode::OK, &json!("active")));
    assert_eq!(world.authority.desk().generation, 2, "the key was tried, not a heartbeat");
    assert_eq!(world.authority.desk().beats.len(), beats);

    let file = posted(&app, "renew", json!({"license_file": "-----BEGIN KACHING LICENSE-----"})).await;
    assert_eq!(file.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(file.body["detail"].as_str().unwrap().starts_with("License files are not taken here yet"));
}

#[tokio::test]
async fn a_validation_is_what_the_authority_has_signed() {
    let world = World::new();
    let guard = world.start();
    let app = nested(&guard);
    let valid = posted(&app, "validate", json!({"license_key": KEY})).await;
    assert_eq!(valid.body, json!({"is_valid": true, "error": null, "code": "valid"}));
    let other = posted(&app, "validate", json!({"license_key": OTHER})).await;
    let error = "It is license_not_found.";
    assert_eq!(other.body, json!({"is_valid": false, "error": error, "code": "license_not_found"}));
    world.authority.change(|desk| desk.down = true);
    let unknown = posted(&app, "validate", json!({"license_key": KEY})).await;
    assert_eq!((&unknown.body["is_valid"], &unknown.body["code"]), (&json!(false), &json!("unknown")));
    assert!(unknown.body["error"].as_str().unwrap().contains("cannot be reached"), "{}", unknown.body);
}

/// On one thread: a call that blocks it blocks everything.
#[tokio::test]
async fn a_call_that_waits_for_the_authority_holds_up_no_other() {
    let world = Arc::new(World::new());
    let guard = world.start();
    let app = nested(&guard);
    let (silent, is_silent) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let silenced = Arc::clone(&world);
    let silence = thread::spawn(move || {
        let _desk = silenced.authority.desk();
        silent.send(()).unwrap();
        let _ = released.recv();
    });
    is_silent.recv().unwrap();
    let asking = app.clone();
    let waiting = tokio::spawn(async move { posted(&asking, "renew", json!({})).await.status });
    tokio::task::yield_now().await;
    assert_eq!(shown(&app, "status").await.status, StatusCode::OK);
    assert!(!waiting.is_finished());
    release.send(()).unwrap();
    silence.join().unwrap();
    assert_eq!(waiting.await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn keys_that_are_entered_together_get_their_own_answers() {
    let world = World::new();
    let guard = world.keyless().start_unlicensed().unwrap();
    let app = nested(&guard);
    let entering: Vec<_> = (0..8)
        .map(|number| {
            let (app, good) = (app.clone(), number % 2 == 0);
            let key = json!({"license_key": if good { KEY } else { OTHER }});
            tokio::spawn(async move { (good, posted(&app, "activate", key).await.status) })
        })
        .collect();
    for one in entering {
        let (good, status) = one.await.unwrap();
        assert_eq!(status, if good { StatusCode::OK } else { StatusCode::BAD_REQUEST });
    }
    guard.shutdown_async().await.unwrap();
    let guard = world.keyless().start().unwrap();
    guard.deactivate().unwrap();
    drop(guard);
    let again = world.keyless().start_async().await.unwrap();
    again.check().expect("the key that was kept is the one that works");
}

#[tokio::test]
async fn a_node_runs_on_the_handover_of_the_router() {
    let world = World::simulated();
    let guard = world.launch();
    let lease = shown(&nested(&guard), "lease").await;
    assert_eq!(lease.status, StatusCode::OK);
    let bytes = lease.body.to_string().into_bytes();
    let follower = Guard::follow(move || Ok(bytes.clone()), &world.authority.root())
        .product("chorus")
        .fingerprint(Fingerprint::custom("cluster-1").unwrap())
        .state_dir(world.dir.path().join("follower"))
        .clock(world.clock.clone())
        .launch(&world)
        .unwrap();
    follower.require("audit_export").unwrap();
}

#[tokio::test]
async fn an_unauthorized_write_is_refused_and_changes_nothing() {
    let (guard, control) = FakeLicense::new("team").start_unlicensed();
    let unsaid = Router::new().nest("/api/v1/licensing", router(guard.clone()).into_router());
    for call in ["activate", "renew", "validate"] {
        let denied = posted(&unsaid, call, json!({"license_key": KEY})).await;
        assert_eq!((denied.status, &denied.body["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
        let other = request(Method::POST, call).body(Body::from("{}")).unwrap();
        assert_eq!(send(&nested(&guard), other).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(control.entered(), None);
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_named() {
    let (guard, _control) = FakeLicense::new("team").start();
    let app = nested(&guard);
    let unknown = posted(&app, "activate", json!({"license_key": KEY, "takeover": "act_1"})).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(unknown.body["detail"].as_str().unwrap().contains("`takeover`"), "{}", unknown.body);
    let missing = posted(&app, "validate", json!({})).await;
    assert!(missing.body["detail"].as_str().unwrap().contains("`license_key`"), "{}", missing.body);

    let cases: [(Method, &str, &str, String, StatusCode); 4] = [
        (Method::POST, "activate", "application/json", "{".to_owned(), StatusCode::BAD_REQUEST),
        (Method::POST, "activate", "text/plain", "{}".to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, "renew", "application/json", " ".repeat(65 * 1024), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::GET, "activate", "application/json", String::new(), StatusCode::METHOD_NOT_ALLOWED),
    ];
    for (method, call, kind, body, status) in cases {
        let request = request(method, call).header("x-admin", "yes").header("content-type", kind);
        let answer = send(&app, request.body(Body::from(body)).unwrap()).await;
        assert_eq!((answer.status, answer.kind.as_str()), (status, "application/problem+json"));
        assert!(answer.body["detail"].as_str().unwrap().ends_with('.'), "{}", answer.body);
    }
}
