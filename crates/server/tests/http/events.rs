//! Streams of changes, read from the router's answer as a connection would.

use std::time::Duration;

use kaching_base::Seconds;
use kaching_server::Peer;
use kaching_testkit::{Engine, World};
use serde_json::{Value, json};

use crate::{
    product::{N1, N2, activation, claims},
    test_server::{Events, TestServer},
};

/// A server with a license in use, and the lease as its bearer shows it.
async fn in_use(world: World) -> (TestServer, Value, String) {
    let server = TestServer::of(world);
    let license = server.seed().await;
    let active = server.call("POST", "/v1/activate").json(&activation(&license, "eu-1", N1)).send().await;
    let bearer = format!("Bearer {}", active.expect(201)["lease"].as_str().unwrap());
    (server, license, bearer)
}

/// The lease of a second installation, which there is room for once the license is for more.
async fn another(server: &TestServer, license: &Value) -> String {
    server.change(license, "upgrade", &json!({"plan": "enterprise"})).await;
    let active = server.call("POST", "/v1/activate").json(&activation(license, "eu-2", N2)).send().await;
    format!("Bearer {}", active.expect(201)["lease"].as_str().unwrap())
}

impl TestServer {
    async fn open(&self, bearer: &str) -> Events {
        self.call("GET", "/v1/events").header("authorization", bearer).stream().await
    }

    async fn change(&self, license: &Value, verb: &str, body: &Value) -> Value {
        let path = format!("/licenses/{}/{verb}", license["id"].as_str().unwrap());
        self.admin("POST", &path).json(body).send().await.expect(200)
    }

    /// The value of a metric in `/metrics`.
    async fn metric(&self, name: &str) -> String {
        let metrics = self.call("GET", "/metrics").send().await;
        let text = String::from_utf8(metrics.bytes).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or("none").to_owned()
    }
}

fn event(name: &str, data: Value) -> Option<(String, Value)> {
    Some((name.to_owned(), data))
}

const AT: &str = "2026-11-22T00:00:00Z";

#[tokio::test]
async fn a_stream_begins_with_the_present_state_and_continues_with_changes() {
    World::each(|world| async {
        let (server, license, bearer) = in_use(world).await;
        server
            .following(async {
                let mut events = server.open(&bearer).await;
                let header = |name: &str| events.headers[name].to_str().unwrap();
                assert_eq!(header("content-type"), "text/event-stream");
                assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store", "no"));
                assert!(header("x-request-id").starts_with("req_"));
                assert_eq!(events.next().await, event("license", json!({"rev": 1, "epoch": 1, "now": AT})));

                server.change(&license, "upgrade", &json!({"plan": "enterprise"})).await;
                let hint = json!({"rev": 2, "epoch": 1, "within_ms": 50, "at": AT});
                assert_eq!(events.next().await, event("license", hint));

                server.change(&license, "suspend", &json!({"reason": "not paid"})).await;
                let (name, data) = events.next().await.unwrap();
                assert_eq!((name.as_str(), &data["rev"], &data["at"]), ("refusal", &json!(3), &json!(AT)));
                let refusal = claims(&data["refusal"]);
                assert_eq!((&refusal["code"], &refusal["rev"]), (&json!("license_suspended"), &json!(3)));
                assert_eq!((&refusal["req"], &refusal["act"]), (&Value::Null, &Value::Null));

                let (name, data) = server.open(&bearer).await.next().await.unwrap();
                assert_eq!((name.as_str(), data["rev"].as_u64()), ("refusal", Some(3)));
                assert!(data["now"].is_string() && data["at"].is_null(), "{data}");
            })
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_gets_the_newest_change_and_a_valid_refusal() {
    World::each(|world| async {
        let (server, license, bearer) = in_use(world).await;
        server
            .following(async {
                let other = another(&server, &license).await;
                let (mut events, mut quick) = (server.open(&bearer).await, server.open(&other).await);
                events.next().await.unwrap();
                quick.next().await.unwrap();
                for _ in 0..5 {
                    server.change(&license, "suspend", &json!({"reason": "not paid"})).await;
                    server.change(&license, "reinstate", &json!({})).await;
                }
                let last = server.change(&license, "suspend", &json!({"reason": "not paid"})).await;
                // The stream that was read all the time has the last change, so it is queued for the other one, too.
                while quick.next().await.unwrap().1["rev"] != last["revision"] {}
                let (name, data) = events.next().await.unwrap();
                assert_eq!((name.as_str(), &data["rev"]), ("refusal", &last["revision"]));

                server.change(&license, "reinstate", &json!({})).await;
                let last = server.change(&license, "suspend", &json!({"reason": "not paid"})).await;
                while quick.next().await.unwrap().1["rev"] != last["revision"] {}
                server.world.clock.advance(Seconds(45));
                let (name, data) = events.next().await.unwrap();
                assert_eq!((name.as_str(), &data["now"]), ("refusal", &json!("2026-11-22T00:00:45Z")));
                let claims = claims(&data["refusal"]);
                assert_eq!(claims["iat"], 1_795_305_645, "it was signed again");
            })
            .await;
    })
    .await;
}

#[tokio::test]
async fn only_a_lease_opens_a_stream() {
    let (server, _, bearer) = in_use(World::on(Engine::Sqlite).await).await;
    let open = |bearer: &str| server.call("GET", "/v1/events").header("authorization", bearer).send();
    server.call("GET", "/v1/events").send().await.refused(401, "unauthenticated");
    open("Bearer kch_x").await.refused(401, "unauthenticated");
    server.world.clock.advance(Seconds::days(5));
    open(&bearer).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn only_the_newest_stream_of_an_activation_stays_open() {
    let (server, _, bearer) = in_use(World::on(Engine::Sqlite).await).await;
    let mut first = server.open(&bearer).await;
    first.next().await.unwrap();
    let mut second = server.open(&bearer).await;
    assert_eq!(first.next().await, event("end", json!({"ends": "replaced", "now": AT})));
    assert_eq!(first.next().await, None);
    assert_eq!(first.next().await, None, "an ended body stays ended");
    second.next().await.unwrap();
    assert_eq!(server.metric("kaching_http_streams").await, "1");
    assert_eq!(server.metric("kaching_changes_listening").await, "1");
    drop((first, second));
    assert_eq!(server.metric("kaching_http_streams").await, "0");
    assert_eq!(server.metric("kaching_changes_listening").await, "0", "a stream that is cut leaves nothing");
}

#[tokio::test]
async fn a_stream_without_a_place_is_refused_with_a_time_to_retry() {
    let world = World::on(Engine::Sqlite).await;
    let server = TestServer::with(world, "[server]\nmax_connections = 1\n");
    let license = server.seed().await;
    let open = async |fingerprint: &str, nonce: &str| {
        let body = activation(&license, fingerprint, nonce);
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        format!("Bearer {}", active["lease"].as_str().unwrap())
    };
    server.change(&license, "upgrade", &json!({"plan": "enterprise"})).await;
    let (one, other) = (open("eu-1", N1).await, open("eu-2", N2).await);
    let held = server.open(&one).await;
    let refused = server.call("GET", "/v1/events").header("authorization", &other).send().await;
    assert_eq!(refused.header("retry-after"), "10");
    refused.refused(429, "rate_limited");
    drop(held);
    server.open(&other).await.next().await.unwrap();
}

#[tokio::test]
async fn one_license_gets_at_most_half_of_the_slots() {
    let settings = "[server]\nmax_connections = 9\n[limits]\nchanges_burst = 100";
    let server = TestServer::with(World::on(Engine::Sqlite).await, settings);
    server.seed().await;
    let (greedy, modest) = (server.license("enterprise").await, server.license("team").await);
    let lease = async |license: &Value, fingerprint: &str| {
        let body = activation(license, fingerprint, N1);
        let active = server.call("POST", "/v1/activate").json(&body).send().await;
        format!("Bearer {}", active.expect(201)["lease"].as_str().unwrap())
    };
    let leases = [lease(&greedy, "eu-1").await, lease(&greedy, "eu-2").await, lease(&greedy, "eu-3").await];
    let mut held = Vec::new();
    for (place, lease) in leases.iter().cycle().take(5).enumerate() {
        let peer = format!("198.51.100.{place}:1");
        let open = server.call("GET", "/v1/events").peer(Peer::Network(peer.parse().unwrap()));
        held.push(open.header("authorization", lease).stream().await);
    }
    let more = server.call("GET", "/v1/events").header("authorization", &leases[2]).send().await;
    more.refused(429, "rate_limited");
    // A question gets no place either, and is answered without a wait.
    let path = "/v1/changes?rev=1&wait=55";
    server.call("GET", path).header("authorization", &leases[2]).send().await.expect(200);
    server.open(&lease(&modest, "us-1").await).await.next().await.unwrap();
    drop(held);
    server.open(&leases[2]).await.next().await.unwrap();
}

#[tokio::test]
async fn long_polls_and_streams_are_limited_by_lease_license_and_address() {
    World::each(|world| async {
        let settings = "[limits]\nchanges_burst = 4\nchanges_per_second = 1\naddress_changes_burst = 9\n\
                        address_changes_per_second = 1";
        let server = TestServer::with(world, settings);
        server.seed().await;
        let lease = async |license: &Value, fingerprint: &str| {
            let body = activation(license, fingerprint, N1);
            let active = server.call("POST", "/v1/activate").json(&body).send().await;
            format!("Bearer {}", active.expect(201)["lease"].as_str().unwrap())
        };
        let ask = |lease: &str, peer: &str| {
            let call = server.call("GET", "/v1/changes?rev=0&wait=0");
            call.peer(Peer::Network(peer.parse().unwrap())).header("authorization", lease).send()
        };
        let (first, second) = (server.license("enterprise").await, server.license("enterprise").await);
        let one = lease(&first, "eu-1").await;
        for _ in 0..3 {
            ask(&one, "198.51.100.1:1").await.expect(200);
        }
        drop(server.open(&one).await);
        let limited = ask(&one, "198.51.100.2:1").await;
        assert_eq!(limited.header("ratelimit-policy"), "\"changes\";q=4;w=4");
        assert_eq!(limited.header("retry-after"), "1");
        limited.refused(429, "rate_limited");
        let stream = server.call("GET", "/v1/events").header("authorization", &one).send().await;
        stream.refused(429, "rate_limited");
        // It reads on: status and heartbeats have buckets of their own.
        server.call("GET", "/v1/status").header("authorization", &one).send().await.expect(200);
        // Three slots: four and two for each of them. Who is limited takes nothing from the license.
        let (two, three) = (lease(&first, "eu-2").await, lease(&first, "eu-3").await);
        for _ in 0..3 {
            ask(&two, "198.51.100.3:1").await.expect(200);
            ask(&three, "198.51.100.3:1").await.expect(200);
        }
        ask(&two, "198.51.100.3:1").await.refused(429, "rate_limited");
        ask(&three, "198.51.100.4:1").await.refused(429, "rate_limited");
        // Another license is free, until its address has asked too often: six of nine came from there.
        let other = lease(&second, "us-1").await;
        ask(&other, "198.51.100.3:1").await.expect(200);
        server.world.clock.advance(Seconds(4));
        let neighbours = [&other, &one];
        for n in 0..6 {
            ask(neighbours[n % 2], "198.51.100.3:1").await.expect(200);
        }
        ask(&other, "198.51.100.3:1").await.refused(429, "rate_limited");
        ask(&one, "198.51.100.3:1").await.refused(429, "rate_limited");
        let next = lease(&second, "us-2").await;
        ask(&next, "198.51.100.3:1").await.refused(429, "rate_limited");
        ask(&next, "198.51.100.4:1").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_stream_pings_while_its_lease_may_run_and_ends_then() {
    let (server, _, bearer) = in_use(World::on(Engine::Sqlite).await).await;
    let mut events = server.open(&bearer).await;
    events.next().await.unwrap();
    // From here on nothing waits for the database: time advances automatically.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert_eq!(events.next().await, event("ping", json!({"now": AT})));
    assert_eq!(began.elapsed().as_secs(), 15);
    server.world.clock.advance(Seconds::days(5));
    let end = json!({"ends": "lease_ended", "now": "2026-11-27T00:00:00Z"});
    assert_eq!(events.next().await, event("end", end));
    assert_eq!(events.next().await, None);
    assert!(began.elapsed() < Duration::from_secs(31));
}

#[tokio::test]
async fn propagation_that_clients_report_is_counted() {
    let (server, _, _) = in_use(World::on(Engine::Sqlite).await).await;
    let license = server.license("team").await;
    let active = server.call("POST", "/v1/activate").json(&activation(&license, "eu-2", N2)).send().await;
    let active = active.expect(201);
    let credential = active["credential"].as_str().unwrap();
    let beat = |heard: u64, number: u64| {
        let mut body = crate::product::heartbeat("eu-2", &format!("{number:0>16}"));
        body["heard_ms"] = json!(heard);
        server.call("POST", "/v1/heartbeat").json(&body).signed(credential, number).send()
    };
    beat(86_400_001, 1).await.refused(422, "invalid_request");
    beat(120, 1).await.expect(200);
    assert_eq!(server.metric("kaching_propagation_seconds_count").await, "1");
    assert_eq!(server.metric("kaching_propagation_seconds_sum").await, "0.12");
    assert_eq!(server.metric("kaching_propagation_seconds_bucket{le=\"0.15\"}").await, "1");
    assert_eq!(server.metric("kaching_propagation_seconds_bucket{le=\"0.1\"}").await, "0");
}
