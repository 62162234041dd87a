//! How often things may happen: by activation, license, token; and that nobody uses up what is another's.

use std::{collections::BTreeMap, sync::Arc};

use kaching_base::{Base64Url, Seconds};
use kaching_server::Peer;
use kaching_testkit::{Engine, World};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::face::{Answer, Call, Face};

/// An installation with its credential.
pub(crate) struct Installed {
    pub(crate) credential: String,
    fingerprint: String,
    beats: u64,
}

impl Installed {
    /// The next heartbeat.
    pub(crate) async fn beat(&mut self, face: &Face) -> Answer {
        let answer = self.beat_as(face, self.beats + 1).await;
        self.beats += u64::from(answer.status == 200);
        answer
    }

    async fn beat_as(&self, face: &Face, number: u64) -> Answer {
        self.beating(face, number).send().await
    }

    fn beating<'f>(&self, face: &'f Face, number: u64) -> Call<'f> {
        let fpr = kaching_authority::license::Digest::of(&self.fingerprint).to_string();
        let body = json!({"nonce": format!("heartbeat-{number:012}"), "fpr": fpr});
        face.call("POST", "/v1/heartbeat").json(&body).signed(&self.credential, number)
    }

    /// Gives its slot back.
    async fn leave(&self, face: &Face, nonce: u32) {
        let body = json!({"nonce": format!("leave-{nonce:016}")});
        let left = face.call("POST", "/v1/deactivate").json(&body).signed(&self.credential, 0).send().await;
        assert_eq!(left.status, 204, "{:#}", left.body);
    }
}

fn asking(license: &Value, fingerprint: &str, nonce: u32) -> Value {
    json!({"license_key": license["key"], "product": "chorus", "fingerprint": fingerprint, "kind": "cluster",
        "nonce": format!("activate-{nonce:016}")})
}

pub(crate) async fn ask(face: &Face, license: &Value, fingerprint: &str, nonce: u32) -> Answer {
    face.call("POST", "/v1/activate").json(&asking(license, fingerprint, nonce)).send().await
}

pub(crate) async fn install(face: &Face, license: &Value, fingerprint: &str, nonce: u32) -> Installed {
    installed(ask(face, license, fingerprint, nonce).await, fingerprint)
}

fn installed(answer: Answer, fingerprint: &str) -> Installed {
    assert!([200, 201].contains(&answer.status), "{:#}", answer.body);
    let credential = answer.body["credential"].as_str().unwrap().to_owned();
    Installed { credential, fingerprint: fingerprint.to_owned(), beats: 0 }
}

async fn counted(face: &Face, limit: &str) -> String {
    let metrics = face.call("GET", "/metrics").send().await;
    let text = String::from_utf8(metrics.bytes).unwrap();
    let start = format!("kaching_http_rate_limited_total{{limit=\"{limit}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
}

#[tokio::test]
async fn an_activation_has_ten_calls_at_once_and_then_one_a_second() {
    let face = Face::of(World::on(Engine::Sqlite).await);
    face.seed().await;
    let license = face.license("enterprise").await;
    let mut one = install(&face, &license, "eu-1", 1).await;
    let mut other = install(&face, &license, "eu-2", 2).await;
    for beat in 1..=10 {
        let answer = one.beat(&face).await;
        let told =
            if beat > 5 { format!("\"activation\";r={};t={}", 10 - beat, beat / 10) } else { String::new() };
        assert_eq!(answer.header("ratelimit"), told, "whoever keeps to its pace is told nothing");
        answer.expect(200);
    }
    let limited = one.beat(&face).await;
    assert_eq!(limited.header("ratelimit-policy"), "\"activation\";q=10;w=10");
    assert_eq!(limited.header("ratelimit"), "\"activation\";r=0;t=1");
    assert_eq!(limited.header("retry-after"), "1");
    let limited = limited.refused(429, "rate_limited");
    assert!(limited.get("statement").is_none(), "it is never signed");
    other.beat(&face).await.expect(200);
    assert_eq!(counted(&face, "activation").await, "1");
    face.world.clock.advance(Seconds(1));
    one.beat(&face).await.expect(200);
    one.beat(&face).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn whoever_has_no_credential_takes_nothing_from_who_has() {
    let face = Face::with(World::on(Engine::Sqlite).await, "[limits]\nfailures_per_minute = 1000");
    let license = face.seed().await;
    let first = install(&face, &license, "eu-1", 1).await;
    let name = first.credential.rsplit_once('.').unwrap().0;
    let stranger = Installed {
        credential: format!("{name}.{}", Base64Url([7; 32])),
        fingerprint: "eu-1".to_owned(),
        beats: 0,
    };
    for number in 1..=30 {
        stranger.beat_as(&face, number).await.refused(401, "credential_invalid");
    }
    // The one that it displaces has a good mac, and a bucket of its own.
    let mut second = install(&face, &license, "eu-1", 2).await;
    for number in 1..=10 {
        first.beat_as(&face, number).await.refused(401, "credential_invalid");
    }
    first.beat_as(&face, 11).await.refused(429, "rate_limited");
    for _ in 1..=10 {
        second.beat(&face).await.expect(200);
    }
}

#[tokio::test]
async fn a_license_has_twenty_calls_and_two_for_each_slot() {
    World::each(|world| async {
        let face = Face::of(world);
        face.seed().await;
        let license = face.license("enterprise").await;
        let validate = |license: &Value| {
            face.call("POST", "/v1/validate").json(&json!({"license_key": license["key"]})).send()
        };
        for left in (0..26).rev() {
            let answer = validate(&license).await;
            assert_eq!(answer.header("ratelimit-policy"), "\"license\";q=26;w=26");
            assert_eq!(answer.header("ratelimit"), format!("\"license\";r={left};t={}", u8::from(left == 0)));
            answer.expect(200);
        }
        let limited = validate(&license).await;
        assert_eq!(limited.header("retry-after"), "1");
        limited.refused(429, "rate_limited");
        let by_key = format!("License {}", license["key"].as_str().unwrap());
        let status = face.call("GET", "/v1/status").header("authorization", &by_key).send().await;
        status.refused(429, "rate_limited");
        validate(&face.license("team").await).await.expect(200);
        // More slots count within a second, although what was known of the license is kept for a minute.
        let path = format!("/licenses/{}", license["id"].as_str().unwrap());
        let more = json!({"limits": {"activations": {"kind": "slots", "max": 50}}});
        face.admin("PATCH", &path).json(&more).send().await.expect(200);
        face.world.clock.advance(Seconds(1));
        for _ in 0..20 {
            validate(&license).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn new_installations_of_a_license_come_one_after_the_other() {
    World::each(|world| async {
        let face = Face::with(world, "[limits]\nnew_fingerprints_burst = 1");
        let license = face.seed().await;
        let first = install(&face, &license, "eu-1", 1).await;
        ask(&face, &license, "eu-2", 2).await.refused(403, "activation_limit_reached");
        first.leave(&face, 3).await;
        let limited = ask(&face, &license, "eu-2", 4).await;
        assert_eq!(limited.header("retry-after"), "60");
        assert_eq!(limited.header("ratelimit-policy"), "\"fingerprints\";q=1;w=60");
        limited.refused(429, "rate_limited");
        assert_eq!(counted(&face, "fingerprints").await, "1");
        // Those that the license had before come back whenever they like.
        let first = install(&face, &license, "eu-1", 5).await;
        face.world.clock.advance(Seconds(60));
        for nonce in 6..10 {
            ask(&face, &license, "eu-2", nonce).await.refused(403, "activation_limit_reached");
        }
        first.leave(&face, 10).await;
        let second = install(&face, &license, "eu-2", 11).await;
        // One that takes another's place is a move, which the license itself limits.
        let id = second.credential.split('.').next().unwrap();
        let mut moving = asking(&license, "eu-3", 12);
        moving["takeover"] = json!(id);
        face.call("POST", "/v1/activate").json(&moving).send().await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn those_who_come_at_once_get_no_more_places_than_there_are() {
    World::each(|world| async {
        let face = Face::with(
            world,
            "[limits]\nnew_fingerprints_burst = 3\nunlimited_slots = 3\nlicense_burst = 100",
        );
        face.seed().await;
        let plan = json!({"product": "chorus", "code": "site", "name": "Site", "rank": 9,
            "limits": {"activations": {"kind": "slots", "max": null}}});
        face.admin("POST", "/plans").json(&plan).send().await.expect(201);
        let license = face.license("site").await;
        let names: Vec<String> = (0..8).map(|n| format!("eu-{n}")).collect();
        let at = |n: usize| ask(&face, &license, &names[n], u32::try_from(n).unwrap());
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
    let face = Face::with(World::on(Engine::Sqlite).await, "[limits]\ntoken_burst = 4\ntoken_per_second = 2");
    let body = json!({"name": "t", "scopes": ["read"]});
    let made = face.admin("POST", "/tokens").json(&body).send().await.expect(201);
    let other = format!("Bearer {}", made["secret"].as_str().unwrap());
    let unknown = format!("Bearer kch_{}", Base64Url([7; 32]));
    for left in (0..3).rev() {
        let answer = face.admin("GET", "/stats").send().await;
        assert_eq!(answer.header("ratelimit"), format!("\"token\";r={left};t={}", u8::from(left == 0)));
        answer.expect(200);
        let nobody = face.call("GET", "/v1/admin/stats").header("authorization", &unknown).send().await;
        nobody.refused(401, "unauthenticated");
    }
    let limited = face.admin("GET", "/stats").send().await;
    assert_eq!(
        (limited.header("retry-after"), limited.header("ratelimit-policy")),
        ("1", "\"token\";q=4;w=2")
    );
    limited.refused(429, "rate_limited");
    face.call("GET", "/v1/admin/stats").header("authorization", &other).send().await.expect(200);
    // Who sits at the machine is not counted.
    for _ in 0..9 {
        face.call("GET", "/v1/admin/stats").peer(Peer::Local(0)).send().await.expect(200);
    }
}

#[tokio::test]
async fn ten_thousand_installations_of_one_license_behind_one_address_are_not_slowed() {
    const MANY: u32 = 10_000;
    const LANES: u32 = 64;
    let face = Face::of(World::on(Engine::Sqlite).await);
    face.seed().await;
    let plan = json!({"product": "chorus", "code": "site", "name": "Site", "rank": 9,
        "limits": {"activations": {"kind": "slots", "max": MANY}}});
    face.admin("POST", "/plans").json(&plan).send().await.expect(201);
    let license = face.license("site").await;
    // All in one second of the clock that counts, and many of them at the same time.
    let (face, license) = (Arc::new(face), Arc::new(license));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (face, license) = (Arc::clone(&face), Arc::clone(&license));
        lanes.spawn(async move {
            for n in (lane..MANY).step_by(LANES as usize) {
                let fingerprint = format!("node-{n}");
                let body = asking(&license, &fingerprint, n);
                let active = face.call("POST", "/v1/activate").json(&body).send_unchecked().await;
                installed(active, &fingerprint).beating(&face, 1).send_unchecked().await.expect(200);
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
    ask(&face, &license, "one-more", MANY).await.refused(403, "activation_limit_reached");
}
