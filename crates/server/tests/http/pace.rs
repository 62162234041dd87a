//! Limits by activation, license and token: no caller can use up the allowance of another.

use std::{collections::BTreeMap, sync::Arc};

use kaching_base::{Base64Url, Seconds};
use kaching_server::Peer;
use kaching_testkit::{Engine, World};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::test_server::{Answer, Call, TestServer};

/// An installation with its credential.
pub(crate) struct Installed {
    pub(crate) credential: String,
    fingerprint: String,
    beats: u64,
}

impl Installed {
    /// The next heartbeat.
    pub(crate) async fn beat(&mut self, server: &TestServer) -> Answer {
        let answer = self.beat_as(server, self.beats + 1).await;
        self.beats += u64::from(answer.status == 200);
        answer
    }

    async fn beat_as(&self, server: &TestServer, number: u64) -> Answer {
        self.beating(server, number).send().await
    }

    fn beating<'f>(&self, server: &'f TestServer, number: u64) -> Call<'f> {
        let fpr = kaching_authority::license::Digest::of(&self.fingerprint).to_string();
        let body = json!({"nonce": format!("heartbeat-{number:012}"), "fpr": fpr});
        server.call("POST", "/v1/heartbeat").json(&body).signed(&self.credential, number)
    }

    /// Gives its slot back.
    async fn leave(&self, server: &TestServer, nonce: u32) {
        let body = json!({"nonce": format!("leave-{nonce:016}")});
        let left = server.call("POST", "/v1/deactivate").json(&body).signed(&self.credential, 0).send().await;
        assert_eq!(left.status, 204, "{:#}", left.body);
    }
}

fn asking(license: &Value, fingerprint: &str, nonce: u32) -> Value {
    json!({"license_key": license["key"], "product": "chorus", "fingerprint": fingerprint, "kind": "cluster",
        "nonce": format!("activate-{nonce:016}")})
}

pub(crate) async fn ask(server: &TestServer, license: &Value, fingerprint: &str, nonce: u32) -> Answer {
    server.call("POST", "/v1/activate").json(&asking(license, fingerprint, nonce)).send().await
}

pub(crate) async fn install(
    server: &TestServer,
    license: &Value,
    fingerprint: &str,
    nonce: u32,
) -> Installed {
    installed(ask(server, license, fingerprint, nonce).await, fingerprint)
}

fn installed(answer: Answer, fingerprint: &str) -> Installed {
    assert!([200, 201].contains(&answer.status), "{:#}", answer.body);
    let credential = answer.body["credential"].as_str().unwrap().to_owned();
    Installed { credential, fingerprint: fingerprint.to_owned(), beats: 0 }
}

async fn counted(server: &TestServer, limit: &str) -> String {
    let metrics = server.call("GET", "/metrics").send().await;
    let text = String::from_utf8(metrics.bytes).unwrap();
    let start = format!("kaching_http_rate_limited_total{{limit=\"{limit}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
}

#[tokio::test]
async fn an_activation_has_ten_calls_together_and_then_one_a_second() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    server.seed().await;
    let license = server.license("enterprise").await;
    let mut one = install(&server, &license, "eu-1", 1).await;
    let mut other = install(&server, &license, "eu-2", 2).await;
    for beat in 1..=10 {
        let answer = one.beat(&server).await;
        let expected =
            if beat > 5 { format!("\"activation\";r={};t={}", 10 - beat, beat / 10) } else { String::new() };
        assert_eq!(answer.header("ratelimit"), expected, "a caller within its limit sees no header");
        answer.expect(200);
    }
    let limited = one.beat(&server).await;
    assert_eq!(limited.header("ratelimit-policy"), "\"activation\";q=10;w=10");
    assert_eq!(limited.header("ratelimit"), "\"activation\";r=0;t=1");
    assert_eq!(limited.header("retry-after"), "1");
    let limited = limited.refused(429, "rate_limited");
    assert!(limited.get("statement").is_none(), "it is never signed");
    other.beat(&server).await.expect(200);
    assert_eq!(counted(&server, "activation").await, "1");
    server.world.clock.advance(Seconds(1));
    one.beat(&server).await.expect(200);
    one.beat(&server).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn calls_without_a_credential_take_nothing_from_calls_with_one() {
    let server = TestServer::with(World::on(Engine::Sqlite).await, "[limits]\nfailures_per_minute = 1000");
    let license = server.seed().await;
    let first = install(&server, &license, "eu-1", 1).await;
    let name = first.credential.rsplit_once('.').unwrap().0;
    let stranger = Installed {
        credential: format!("{name}.{}", Base64Url([7; 32])),
        fingerprint: "eu-1".to_owned(),
        beats: 0,
    };
    for number in 1..=30 {
        stranger.beat_as(&server, number).await.refused(401, "credential_invalid");
    }
    // The one that it displaces has a good mac, and a bucket of its own.
    let mut second = install(&server, &license, "eu-1", 2).await;
    for number in 1..=10 {
        first.beat_as(&server, number).await.refused(401, "credential_invalid");
    }
    first.beat_as(&server, 11).await.refused(429, "rate_limited");
    for _ in 1..=10 {
        second.beat(&server).await.expect(200);
    }
}

#[tokio::test]
async fn a_license_has_twenty_calls_and_two_for_each_slot() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let license = server.license("enterprise").await;
        let status = |license: &Value| {
            let by_key = format!("License {}", license["key"].as_str().unwrap());
            server.call("GET", "/v1/status").header("authorization", &by_key).send()
        };
        for left in (0..26).rev() {
            let answer = status(&license).await;
            assert_eq!(answer.header("ratelimit-policy"), "\"license\";q=26;w=26");
            assert_eq!(answer.header("ratelimit"), format!("\"license\";r={left};t={}", u8::from(left == 0)));
            answer.expect(200);
        }
        let limited = status(&license).await;
        assert_eq!(limited.header("retry-after"), "1");
        limited.refused(429, "rate_limited");
        ask(&server, &license, "eu-1", 1).await.refused(429, "rate_limited");
        status(&server.license("team").await).await.expect(200);
        // More slots count within a second, although what was known of the license is kept for a minute.
        let path = format!("/licenses/{}", license["id"].as_str().unwrap());
        let more = json!({"limits": {"activations": {"kind": "slots", "max": 50}}});
        server.admin("PATCH", &path).json(&more).send().await.expect(200);
        server.world.clock.advance(Seconds(1));
        for _ in 0..20 {
            status(&license).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn validations_take_nothing_from_other_calls_and_are_a_thousand_together() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let validate = || {
            let body = json!({"license_key": license["key"]});
            server.call("POST", "/v1/validate").json(&body).send_unchecked()
        };
        let first = validate().await;
        assert_eq!(first.header("ratelimit-policy"), "\"validations\";q=1000;w=5");
        assert_eq!(first.header("ratelimit"), "\"validations\";r=999;t=0");
        for _ in 1..1000 {
            validate().await.expect(200);
        }
        let limited = validate().await;
        assert_eq!(limited.header("retry-after"), "1");
        limited.refused(429, "rate_limited");
        assert_eq!(counted(&server, "validations").await, "1");
        ask(&server, &license, "eu-1", 1).await.expect(201);
        server.world.clock.advance(Seconds(1));
        for _ in 0..200 {
            validate().await.expect(200);
        }
        validate().await.refused(429, "rate_limited");
    })
    .await;
}

/// The answer to a captured heartbeat of this number.
async fn replay(server: &TestServer, owner: &Installed, number: u64, times: usize) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for _ in 0..times {
        *statuses.entry(owner.beat_as(server, number).await.status).or_default() += 1;
    }
    statuses
}

#[tokio::test]
async fn replayed_heartbeats_delay_nothing() {
    World::each(|world| async {
        let settings = "[limits]\noutdated_burst = 20\noutdated_per_second = 1";
        let server = TestServer::with(world, settings);
        server.seed().await;
        let license = server.license("enterprise").await;
        let mut owner = install(&server, &license, "eu-1", 1).await;
        for _ in 0..3 {
            owner.beat(&server).await.expect(200);
        }
        server.world.clock.advance(Seconds(10));
        // Those before the last one take from the sender's address, the last one from a small bucket.
        assert_eq!(replay(&server, &owner, 1, 30).await, BTreeMap::from([(401, 20), (429, 10)]));
        assert_eq!(replay(&server, &owner, 3, 30).await, BTreeMap::from([(200, 5), (429, 25)]));
        for _ in 0..10 {
            owner.beat(&server).await.expect(200);
        }
        assert_eq!(counted(&server, "outdated").await, "10");
        assert_eq!(counted(&server, "repeats").await, "25");
        assert_eq!(counted(&server, "activation").await, "0");
        // Of another address, or another activation, they take nothing.
        let elsewhere = owner.beating(&server, 2).peer(Peer::Network("198.51.100.7:1".parse().unwrap()));
        elsewhere.send().await.refused(401, "credential_invalid");
        let mut other = install(&server, &license, "eu-2", 2).await;
        other.beat(&server).await.expect(200);
        assert_eq!(replay(&server, &other, 1, 5).await, BTreeMap::from([(200, 5)]));
    })
    .await;
}

#[tokio::test]
async fn a_restarted_server_learns_the_answered_number_from_one_replay() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let mut owner = install(&server, &license, "eu-1", 1).await;
        for _ in 0..10 {
            owner.beat(&server).await.expect(200);
        }
        let server = server.restarted("");
        for number in 1..=9 {
            assert_eq!(replay(&server, &owner, number, 3).await, BTreeMap::from([(401, 3)]));
        }
        // One of the ten was taken by the first replay.
        for _ in 0..9 {
            owner.beat(&server).await.expect(200);
        }
        owner.beat(&server).await.refused(429, "rate_limited");
    })
    .await;
}

#[tokio::test]
async fn replayed_calls_of_one_kind_delay_no_other_kind() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let license = server.seed().await;
    let mut owner = install(&server, &license, "eu-1", 1).await;
    let report = json!({"kind": "health", "detail": "disk is full", "at": "2026-11-22T00:00:00Z",
        "nonce": "0123456789abcdef"});
    let report = || server.call("POST", "/v1/reports").json(&report).signed(&owner.credential, 0).send();
    while report().await.status != 429 {}
    for _ in 0..10 {
        owner.beat(&server).await.expect(200);
    }
    owner.leave(&server, 1).await;
}

#[tokio::test]
async fn repeats_of_three_thousand_installations_behind_one_address_are_served() {
    const MANY: u32 = 3_000;
    const LANES: u32 = 64;
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let (server, license) = with_slots(server, MANY).await;
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (server, license) = (Arc::clone(&server), Arc::clone(&license));
        lanes.spawn(async move {
            for n in (lane..MANY).step_by(LANES as usize) {
                let fingerprint = format!("node-{n}");
                let body = asking(&license, &fingerprint, n);
                let active = server.call("POST", "/v1/activate").json(&body).send_unchecked().await;
                let installed = installed(active, &fingerprint);
                // The last one again, as where answers were lost; and one before it, as from a snapshot.
                for (number, status) in [(1, 200), (1, 200), (2, 200), (2, 200), (1, 401)] {
                    installed.beating(&server, number).send_unchecked().await.expect(status);
                }
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
}

/// A server, and a license with so many slots.
async fn with_slots(server: TestServer, slots: u32) -> (Arc<TestServer>, Arc<Value>) {
    server.seed().await;
    let plan = json!({"product": "chorus", "code": "site", "name": "Site", "rank": 9,
        "limits": {"activations": {"kind": "slots", "max": slots}}});
    server.admin("POST", "/plans").json(&plan).send().await.expect(201);
    let license = server.license("site").await;
    (Arc::new(server), Arc::new(license))
}

#[tokio::test]
async fn new_installations_of_a_license_come_one_after_the_other() {
    World::each(|world| async {
        let server = TestServer::with(world, "[limits]\nnew_fingerprints_burst = 1");
        let license = server.seed().await;
        let first = install(&server, &license, "eu-1", 1).await;
        ask(&server, &license, "eu-2", 2).await.refused(403, "activation_limit_reached");
        first.leave(&server, 3).await;
        let limited = ask(&server, &license, "eu-2", 4).await;
        assert_eq!(limited.header("retry-after"), "60");
        assert_eq!(limited.header("ratelimit-policy"), "\"fingerprints\";q=1;w=60");
        limited.refused(429, "rate_limited");
        assert_eq!(counted(&server, "fingerprints").await, "1");
        // Those that the license had before come back whenever they like.
        let first = install(&server, &license, "eu-1", 5).await;
        server.world.clock.advance(Seconds(60));
        for nonce in 6..10 {
            ask(&server, &license, "eu-2", nonce).await.refused(403, "activation_limit_reached");
        }
        first.leave(&server, 10).await;
        let second = install(&server, &license, "eu-2", 11).await;
        // One that takes another's place is a move, which the license itself limits.
        let id = second.credential.split('.').next().unwrap();
        let mut moving = asking(&license, "eu-3", 12);
        moving["takeover"] = json!(id);
        server.call("POST", "/v1/activate").json(&moving).send().await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn concurrent_calls_get_no_more_places_than_there_are() {
    World::each(|world| async {
        let server = TestServer::with(
            world,
            "[limits]\nnew_fingerprints_burst = 3\nunlimited_slots = 3\nlicense_burst = 100",
        );
        server.seed().await;
        let plan = json!({"product": "chorus", "code": "site", "name": "Site", "rank": 9,
            "limits": {"activations": {"kind": "slots", "max": null}}});
        server.admin("POST", "/plans").json(&plan).send().await.expect(201);
        let license = server.license("site").await;
        let names: Vec<String> = (0..8).map(|n| format!("eu-{n}")).collect();
        let at = |n: usize| ask(&server, &license, &names[n], u32::try_from(n).unwrap());
        let (a, b, c, d, e, f, g, h) = tokio::join!(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
        let mut statuses = BTreeMap::new();
        for answer in [a, b, c, d, e, f, g, h] {
            *statuses.entry(answer.status).or_insert(0) += 1;
        }
        assert_eq!(statuses, BTreeMap::from([(201, 3), (429, 5)]));
    })
    .await;
}

#[tokio::test]
async fn a_token_has_its_own_limit() {
    let server =
        TestServer::with(World::on(Engine::Sqlite).await, "[limits]\ntoken_burst = 4\ntoken_per_second = 2");
    let body = json!({"name": "t", "scopes": ["read"]});
    let made = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
    let other = format!("Bearer {}", made["secret"].as_str().unwrap());
    let unknown = format!("Bearer kch_{}", Base64Url([7; 32]));
    for left in (0..3).rev() {
        let answer = server.admin("GET", "/stats").send().await;
        assert_eq!(answer.header("ratelimit"), format!("\"token\";r={left};t={}", u8::from(left == 0)));
        answer.expect(200);
        let nobody = server.call("GET", "/v1/admin/stats").header("authorization", &unknown).send().await;
        nobody.refused(401, "unauthenticated");
    }
    let limited = server.admin("GET", "/stats").send().await;
    assert_eq!(
        (limited.header("retry-after"), limited.header("ratelimit-policy")),
        ("1", "\"token\";q=4;w=2")
    );
    limited.refused(429, "rate_limited");
    server.call("GET", "/v1/admin/stats").header("authorization", &other).send().await.expect(200);
    // Who sits at the machine is not counted.
    for _ in 0..9 {
        server.call("GET", "/v1/admin/stats").peer(Peer::Local(0)).send().await.expect(200);
    }
}

#[tokio::test]
async fn ten_thousand_installations_of_one_license_behind_one_address_are_not_slowed() {
    const MANY: u32 = 10_000;
    const LANES: u32 = 64;
    // All in one second of the clock that counts, and many of them at the same time.
    let (server, license) = with_slots(TestServer::of(World::on(Engine::Sqlite).await), MANY).await;
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (server, license) = (Arc::clone(&server), Arc::clone(&license));
        lanes.spawn(async move {
            for n in (lane..MANY).step_by(LANES as usize) {
                let fingerprint = format!("node-{n}");
                let body = asking(&license, &fingerprint, n);
                let active = server.call("POST", "/v1/activate").json(&body).send_unchecked().await;
                installed(active, &fingerprint).beating(&server, 1).send_unchecked().await.expect(200);
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
    ask(&server, &license, "one-more", MANY).await.refused(403, "activation_limit_reached");
}
