//! The real authority behind its real router, on a simulated clock.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use kaching_authority::{
    Activation, ActivationStatus, AuditFilter, List, Sight, activations::ActivationFilter,
};
use kaching_base::ActivationId;
use kaching_server::{App, Peer, config::Config};
use kaching_testkit::{Engine, SeededEntropy, World};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    broken::{Broken, ensure},
    random::{Purpose, sequence},
};

/// A request as its bytes were sent.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// The plans by index: code, slots, and the most nodes.
pub(crate) const PLANS: [(&str, u64, u64); 3] = [("small", 1, 10), ("team", 2, 25), ("strict", 1, 25)];

/// An authority with one license, closed, of which each run gets a copy.
pub(crate) struct Fixture {
    world: World,
    pub(crate) license: String,
    pub(crate) key: String,
    pub(crate) root: String,
}

pub(crate) struct TestServer {
    pub(crate) world: World,
    router: Router,
    token: String,
    pub(crate) license: String,
    /// How many requests it has answered.
    pub(crate) requests: u64,
}

impl Fixture {
    pub(crate) async fn new(engine: Engine) -> Self {
        let mut server = TestServer::on(World::on(engine).await, String::new());
        let product = json!({ "code": "chorus", "name": "CHORUS" });
        let feature =
            json!({ "product": "chorus", "code": "federation", "title": "Federation", "benefit": "Links" });
        let customer = json!({ "reference": "CUST-001", "name": "Acme" });
        for (path, body) in [("products", product), ("features", feature), ("customers", customer)] {
            server.create(path, &body).await;
        }
        let policies = [
            json!({ "offline_s": 1800, "move_grace_s": 300, "expiry_days": 0 }),
            json!({ "offline_s": 259_200, "lease_s": 1200, "copies": "allow" }),
            json!({ "offline_s": 0, "move_grace_s": 0, "moves": 2, "expiry_days": 0 }),
        ];
        for ((code, slots, nodes), policy) in PLANS.into_iter().zip(policies) {
            let limits = json!({ "activations": { "kind": "slots", "max": slots },
                "nodes": { "kind": "level", "max": nodes }, "jobs": { "kind": "counter", "max": 1000, "per": "day" } });
            let plan = json!({ "product": "chorus", "code": code, "name": code, "rank": slots, "term_days": 365,
                "features": ["federation"], "limits": limits, "lease_policy": policy });
            server.create("plans", &plan).await;
        }
        let license = json!({ "customer": "CUST-001", "product": "chorus", "plan": "small" });
        let license = server.create("licenses", &license).await;
        let root = server.world.authority.keys().roots[0].to_string();
        server.world.authority.close().await;
        Self {
            license: license["id"].as_str().unwrap().to_owned(),
            key: license["key"].as_str().unwrap().to_owned(),
            root,
            world: server.world,
        }
    }

    pub(crate) async fn server(&self, seed: u64) -> TestServer {
        TestServer::on(self.world.copy(sequence(seed, Purpose::Authority)).await, self.license.clone())
    }
}

impl TestServer {
    fn on(mut world: World, license: String) -> Self {
        let token = std::fs::read_to_string(world.directory.path().join("first-token")).unwrap();
        let router = router(&mut world);
        Self { router, token: token.trim().to_owned(), world, license, requests: 0 }
    }

    pub(crate) async fn restart(&mut self) {
        self.world.restart().await;
        self.router = router(&mut self.world);
    }

    pub(crate) async fn send(&mut self, raw: &Raw) -> Result<Answer, Broken> {
        self.requests += 1;
        // No time passes here: a poll that would wait is answered immediately.
        let path = raw.path.split("&wait=").next().unwrap();
        let mut request = Request::builder().method(raw.method).uri(path);
        if let Some(authorization) = &raw.authorization {
            request = request.header("authorization", authorization);
        }
        if !raw.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Body::from(raw.body.clone())).unwrap();
        request.extensions_mut().insert(Peer::Network(([203, 0, 113, 10], 40_000).into()));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let answer = Answer {
            status: parts.status.as_u16(),
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        };
        let text = || String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(answer.status < 500, "the authority fails on {} {}: {}", raw.method, raw.path, text());
        // A client's request is never malformed.
        let bad = [400, 405, 408, 413, 415, 422].contains(&answer.status);
        ensure!(
            !bad || raw.authorization.as_ref().is_some_and(|header| header.starts_with("Bearer kch_")),
            "the authority finds {} {} malformed: {}",
            raw.method,
            raw.path,
            text()
        );
        Ok(answer)
    }

    /// Makes a call as an operator, and returns whether it succeeded.
    pub(crate) async fn operate(&mut self, path: &str, body: &Value) -> Result<Option<Value>, Broken> {
        self.operate_by("POST", path, body).await
    }

    async fn operate_by(
        &mut self,
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<Option<Value>, Broken> {
        let raw = Raw {
            method,
            path: format!("/v1/admin/{path}"),
            body: body.to_string().into_bytes(),
            authorization: Some(format!("Bearer {}", self.token)),
        };
        let answer = self.send(&raw).await?;
        let body = serde_json::from_slice(&answer.body).unwrap();
        Ok((answer.status < 300).then_some(body))
    }

    pub(crate) async fn of_license(&mut self, verb: &str, body: &Value) -> Result<Option<Value>, Broken> {
        self.operate(&format!("licenses/{}/{verb}", self.license), body).await
    }

    pub(crate) async fn edit_license(&mut self, body: &Value) -> Result<Option<Value>, Broken> {
        self.operate_by("PATCH", &format!("licenses/{}", self.license), body).await
    }

    async fn create(&mut self, path: &str, body: &Value) -> Value {
        self.operate(path, body).await.unwrap_or_else(|broken| panic!("{broken:?}")).expect(path)
    }

    /// Every activation of the license in its present state.
    pub(crate) async fn activations(&self) -> Vec<Activation> {
        let filter =
            ActivationFilter { license: Some(self.license.parse().unwrap()), ..ActivationFilter::default() };
        let list = List { filter, ..List::default() };
        let page = self.world.authority.activations(&Sight::All, list).await.unwrap();
        page.items.into_iter().map(|one| one.activation).collect()
    }

    pub(crate) async fn revision(&self) -> u64 {
        let license = self.world.authority.license(&Sight::All, self.license.clone()).await.unwrap();
        license.license.revision.unsigned_abs()
    }

    /// The newest entries of the audit log: id, action, and whether it was done.
    pub(crate) async fn audit(&self, limit: u32) -> Vec<(String, String, bool)> {
        let list = List { limit: Some(limit), filter: AuditFilter::default(), ..List::default() };
        let entries = self.world.authority.audit_entries(&Sight::All, list).await.unwrap().items;
        let read = |entry: kaching_authority::AuditRecord| {
            (entry.id.to_string(), entry.action, entry.body.contains("\"outcome\":\"ok\""))
        };
        entries.into_iter().map(read).collect()
    }
}

/// Whether an activation holds a slot at this moment.
pub(crate) fn holds(activation: &Activation, now: kaching_base::Timestamp) -> bool {
    activation.status == ActivationStatus::Active
        && now.micros() < (activation.run_until.seconds() + 60) * 1_000_000
}

/// The activation of a fingerprint.
pub(crate) fn of<'a>(activations: &'a [Activation], fingerprint: &str) -> Option<&'a Activation> {
    activations.iter().find(|activation| activation.fingerprint.as_str() == fingerprint)
}

pub(crate) fn id(text: &str) -> ActivationId {
    text.parse().unwrap()
}

fn router(world: &mut World) -> Router {
    let config = Config::read("", &std::collections::BTreeMap::new(), |_| unreachable!()).unwrap();
    let issuer = kaching_testkit::ISSUER.parse().unwrap();
    let registry = std::mem::take(&mut world.registry);
    let entropy = Arc::new(SeededEntropy::default());
    let clock = Arc::clone(&world.clock);
    let app = App::new(Arc::clone(&world.authority), &config, issuer, clock, entropy, registry);
    kaching_server::full_router(&app)
}
