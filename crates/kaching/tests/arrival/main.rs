//! A suspension on its way from the operator to the callback of a product: the real client at the real server.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]
#![expect(clippy::disallowed_methods, reason = "deadlines of tests are real time")]
#![expect(clippy::print_stdout, reason = "the test prints how long it took")]

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use kaching_client::{Fingerprint, Guard, LicenseKey, State, Via};
use kaching_server::{App, Listeners, Peer, config::Config, full_router};
use kaching_testkit::{Engine, SeededEntropy, World};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// The longest wait.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_suspension_arrives_immediately_on_sqlite() {
    arrives(Engine::Sqlite);
}

#[test]
fn a_suspension_arrives_immediately_on_postgres() {
    arrives(Engine::Postgres);
}

/// An authority that serves, and its operator.
struct Operator {
    runtime: Runtime,
    router: Router,
    token: String,
}

fn arrives(engine: Engine) {
    let runtime = Runtime::new().unwrap();
    let mut world = runtime.block_on(World::on(engine));
    let config = "[server]\nlisten = '127.0.0.1:0'\n";
    let config = Config::read(config, &std::collections::BTreeMap::new(), |_| unreachable!()).unwrap();
    let registry = std::mem::take(&mut world.registry);
    let issuer = kaching_testkit::ISSUER.parse().unwrap();
    let (clock, entropy) = (Arc::clone(&world.clock), Arc::new(SeededEntropy::default()));
    let app = App::new(Arc::clone(&world.authority), &config, issuer, clock, entropy, registry);
    let listeners = runtime.block_on(Listeners::bind(&config, None)).unwrap();
    let url = format!("http://{}", listeners.addresses().product);
    let (stop, shutdown) = kaching_server::shutdown();
    let served = runtime.spawn(listeners.serve(app.clone(), shutdown));
    let token = std::fs::read_to_string(world.directory.path().join("first-token")).unwrap();
    let operator = Operator { runtime, router: full_router(&app), token: token.trim().to_owned() };

    let license = operator.license();
    let root = world.authority.keys().roots[0].to_string();
    let state = tempfile::tempdir().unwrap();
    let (stopped, stops) = mpsc::channel();
    let guard = Guard::builder(&url, &root)
        .product("chorus")
        .license_key(LicenseKey::new(license["key"].as_str().unwrap()))
        .fingerprint(Fingerprint::instance("one").unwrap())
        .state_dir(state.path())
        .on_stop(move |state| stopped.send((state.clone(), Instant::now())).unwrap())
        .start()
        .unwrap();
    operator.until("a stream is open", |shown| shown.contains("kaching_http_streams 1\n"));

    let license = format!("licenses/{}", license["id"].as_str().unwrap());
    for _ in 0..3 {
        let began = Instant::now();
        operator.operate(&format!("{license}/suspend"), &json!({"reason": "unpaid"}));
        let (state, at) = stops.recv_timeout(DEADLINE).unwrap();
        println!("{engine:?}: from the operator's request to the callback in {:?}", at - began);
        assert!(matches!(&state, State::Refused { code } if code.as_str() == "license_suspended"), "{state}");
        guard.check().unwrap_err();
        operator.operate(&format!("{license}/reinstate"), &json!({}));
        let again = guard.watch().until(DEADLINE, |state| *state == State::Active { via: Via::Stream });
        assert!(again.is_some(), "{:?}", guard.state());
        guard.check().unwrap();
    }
    guard.heartbeat_now();
    let stopped = |shown: &str| !shown.contains("kaching_propagation_seconds_count 0\n");
    operator.until("the stop", stopped);
    assert_eq!(guard.warnings(), []);
    guard.shutdown().unwrap();
    operator.until("it is closed", |shown| shown.contains("kaching_http_streams 0\n"));
    stop.now();
    operator.runtime.block_on(served).unwrap().unwrap();
}

impl Operator {
    /// Creates a license for one installation.
    fn license(&self) -> Value {
        self.operate("products", &json!({"code": "chorus", "name": "CHORUS"}));
        self.operate("customers", &json!({"reference": "CUST-001", "name": "Acme"}));
        let limits = json!({"activations": {"kind": "slots", "max": 1}});
        let plan = json!({"product": "chorus", "code": "team", "name": "Team", "rank": 1, "term_days": 365,
            "features": [], "limits": limits});
        self.operate("plans", &plan);
        self.operate("licenses", &json!({"customer": "CUST-001", "product": "chorus", "plan": "team"}))
    }

    fn operate(&self, path: &str, body: &Value) -> Value {
        let request = Request::post(format!("/v1/admin/{path}")).header("content-type", "application/json");
        let answer = self.ask(request.body(Body::from(body.to_string())).unwrap());
        serde_json::from_str(&answer).unwrap()
    }

    /// Waits until the metrics show something.
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + DEADLINE;
        loop {
            let shown = self.ask(Request::get("/metrics").body(Body::empty()).unwrap());
            if holds(&shown) {
                return;
            }
            assert!(Instant::now() < end, "{what}: not in\n{shown}");
        }
    }

    fn ask(&self, mut request: Request<Body>) -> String {
        request.headers_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request.extensions_mut().insert(Peer::Network(([203, 0, 113, 10], 40_000).into()));
        let answer = async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let status = answer.status();
            let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec();
            let body = String::from_utf8(body).unwrap();
            assert!(status.is_success(), "{status}: {body}");
            body
        };
        self.runtime.block_on(answer)
    }
}
