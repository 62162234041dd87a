//! Guessing is slow, from one address.

use kaching_base::Seconds;
use kaching_server::Peer;
use kaching_testkit::{Engine, World};
use serde_json::json;

use crate::face::{Answer, Face};

const UNKNOWN: &str = "CHORUS-00000-00000-00000-00000-00000";

async fn guess(face: &Face, peer: &str) -> Answer {
    let body = json!({"license_key": UNKNOWN, "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
    face.call("POST", "/v1/activate").peer(Peer::Network(peer.parse().unwrap())).json(&body).send().await
}

#[tokio::test]
async fn sixty_failures_a_minute_and_then_a_wait() {
    let face = Face::of(World::on(Engine::Sqlite).await);
    let license = face.seed().await;
    for left in (0..60).rev() {
        let answer = guess(&face, "203.0.113.66:1").await;
        assert_eq!(answer.header("ratelimit"), format!("\"failures\";r={left};t={}", u8::from(left == 0)));
        assert!(["license_not_found", "key_malformed"].contains(&answer.body["code"].as_str().unwrap()));
    }
    let limited = guess(&face, "203.0.113.66:2").await;
    assert_eq!(
        (limited.header("retry-after"), limited.header("ratelimit-policy")),
        ("1", "\"failures\";q=60;w=60")
    );
    assert_eq!(limited.refused(429, "rate_limited")["retry_after_s"], 1);
    let valid = json!({"license_key": license["key"]});
    let from_there = face.call("POST", "/v1/validate").peer(Peer::Network("203.0.113.66:3".parse().unwrap()));
    from_there.json(&valid).send().await.refused(429, "rate_limited");
    face.call("POST", "/v1/validate").json(&valid).send().await.expect(200);
    face.world.clock.advance(Seconds(1));
    assert_ne!(guess(&face, "203.0.113.66:1").await.status, 429);
    assert_eq!(guess(&face, "203.0.113.66:1").await.status, 429);
}

#[tokio::test]
async fn the_address_behind_a_trusted_proxy_is_the_one_that_counts() {
    let settings = "[server]\ntrusted_proxies = ['10.0.0.0/8']\n[limits]\nfailures_per_minute = 1";
    let face = Face::with(World::on(Engine::Sqlite).await, settings);
    let body = json!({"license_key": UNKNOWN});
    let ask = |peer: &str, forwarded: &str| {
        let call = face.call("POST", "/v1/validate").peer(Peer::Network(peer.parse().unwrap()));
        call.header("x-forwarded-for", forwarded).json(&body).send()
    };
    ask("10.0.0.1:1", "198.51.100.1").await.expect(200);
    ask("10.0.0.1:1", "198.51.100.1").await.refused(429, "rate_limited");
    ask("10.0.0.1:1", "203.0.113.5, 198.51.100.1").await.refused(429, "rate_limited");
    ask("10.0.0.1:1", "198.51.100.2").await.expect(200);
    ask("203.0.113.9:1", "198.51.100.3").await.expect(200);
    ask("203.0.113.9:1", "198.51.100.4").await.refused(429, "rate_limited");
}

#[tokio::test]
async fn a_bad_mac_counts_and_an_outdated_credential_does_not() {
    let face = Face::with(World::on(Engine::Sqlite).await, "[limits]\nfailures_per_minute = 2");
    let license = face.seed().await;
    let activate = |nonce: &str| {
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": nonce});
        face.call("POST", "/v1/activate").json(&body).send()
    };
    let first = activate("0123456789abcdef-1").await.expect(201)["credential"].clone();
    activate("0123456789abcdef-2").await.expect(200);
    let off = |credential: String| {
        let body = json!({"nonce": "0123456789abcdef-3"});
        face.call("POST", "/v1/deactivate").json(&body).signed(&credential, 0).send()
    };
    let outdated = first.as_str().unwrap().to_owned();
    for _ in 0..4 {
        off(outdated.clone()).await.refused(401, "credential_invalid");
    }
    let made_up = format!("{}.{}", outdated.rsplit_once('.').unwrap().0, kaching_base::Base64Url([7; 32]));
    off(made_up.clone()).await.refused(401, "credential_invalid");
    off(made_up.clone()).await.refused(401, "credential_invalid");
    off(made_up).await.refused(429, "rate_limited");
    off(outdated).await.refused(401, "credential_invalid");
}
