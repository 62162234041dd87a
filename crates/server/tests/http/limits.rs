//! Guessing is slow, from one address.

use kaching_base::Seconds;
use kaching_server::Peer;
use kaching_testkit::{Engine, World};
use serde_json::json;

use crate::test_server::{Answer, TestServer};

const UNKNOWN: &str = "CHORUS-00000-00000-00000-00000-00000";

async fn guess(server: &TestServer, peer: &str) -> Answer {
    let body = json!({"license_key": UNKNOWN, "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
    server.call("POST", "/v1/activate").peer(Peer::Network(peer.parse().unwrap())).json(&body).send().await
}

#[tokio::test]
async fn sixty_failures_a_minute_and_then_a_wait() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let license = server.seed().await;
    for left in (0..60).rev() {
        let answer = guess(&server, "203.0.113.66:1").await;
        assert_eq!(answer.header("ratelimit"), format!("\"failures\";r={left};t={}", u8::from(left == 0)));
        assert!(["license_not_found", "key_malformed"].contains(&answer.body["code"].as_str().unwrap()));
    }
    let limited = guess(&server, "203.0.113.66:2").await;
    assert_eq!(
        (limited.header("retry-after"), limited.header("ratelimit-policy")),
        ("1", "\"failures\";q=60;w=60")
    );
    assert_eq!(limited.refused(429, "rate_limited")["retry_after_s"], 1);
    let mistyped = json!({"license_key": "CHORUS-1"});
    let from_there =
        server.call("POST", "/v1/validate").peer(Peer::Network("203.0.113.66:3".parse().unwrap()));
    from_there.json(&mistyped).send().await.refused(429, "rate_limited");
    let valid = json!({"license_key": license["key"]});
    server.call("POST", "/v1/validate").json(&valid).send().await.expect(200);
    server.world.clock.advance(Seconds(1));
    assert_ne!(guess(&server, "203.0.113.66:1").await.status, 429);
    assert_eq!(guess(&server, "203.0.113.66:1").await.status, 429);
}

#[tokio::test]
async fn the_address_behind_a_trusted_proxy_is_the_one_that_counts() {
    let settings = "[server]\ntrusted_proxies = ['10.0.0.0/8']\n[limits]\nfailures_per_minute = 1";
    let server = TestServer::with(World::on(Engine::Sqlite).await, settings);
    let body = json!({"license_key": UNKNOWN});
    let ask = |peer: &str, forwarded: &str| {
        let call = server.call("POST", "/v1/validate").peer(Peer::Network(peer.parse().unwrap()));
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
async fn reports_and_usage_above_the_daily_limit_are_refused() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let credential = active["credential"].as_str().unwrap();
        let report = |number: usize| {
            server.world.clock.advance(Seconds(1));
            let body = json!({"kind": "compliance", "detail": "x".repeat(8192), "at": "2026-11-22T00:00:00Z",
                "nonce": format!("0123456789abcdef-{number}")});
            server.call("POST", "/v1/reports").json(&body).signed(credential, 0).send()
        };
        for number in 0..50 {
            assert_eq!(report(number).await.status, 204);
        }
        let limited = report(50).await;
        let wait: i64 = limited.header("retry-after").parse().unwrap();
        assert_eq!(limited.refused(429, "rate_limited")["retry_after_s"], wait);
        assert_eq!(report(0).await.status, 204, "a repeat is no other report");
        server.world.clock.advance(Seconds(wait));
        assert_eq!(report(50).await.status, 204);
        let metrics = server.call("GET", "/metrics").send().await.bytes;
        let metrics = String::from_utf8(metrics).unwrap();
        assert!(metrics.contains("rate_limited_total{limit=\"reports\"} 1"), "{metrics}");

        let beat = |number: u64, count: u64| {
            let usage: Vec<_> = (0..count).map(|seq| {
                json!({"meter": "invented", "amount": 1, "seq": seq, "at": "2026-11-22T00:00:00Z"})
            }).collect();
            let fpr = kaching_authority::license::Digest::of("f").to_string();
            let body = json!({"nonce": format!("fedcba9876543210-{number}"), "fpr": fpr, "usage": usage});
            server.call("POST", "/v1/heartbeat").json(&body).signed(credential, number).send()
        };
        beat(1, 201).await.refused(422, "invalid_request");
        let answer = beat(1, 200).await.expect(200);
        assert_eq!(answer["warnings"], json!(["the license has no counter named 'invented': it was ignored"]));
    })
    .await;
}

#[tokio::test]
async fn doctor_warns_when_old_data_is_not_removed() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let status = async || {
            let checks = server.admin("GET", "/doctor").send().await.expect(200);
            let of_it =
                checks.as_array().unwrap().iter().find(|check| check["check"] == "retention").cloned();
            of_it.unwrap()["status"].clone()
        };
        assert_eq!(status().await, "ok", "it never served");
        server.world.authority.remove_old_when_due().await.unwrap();
        server.world.clock.advance(Seconds::days(2));
        assert_eq!(status().await, "ok");
        server.world.clock.advance(Seconds(1));
        assert_eq!(status().await, "warn");
        server.world.authority.remove_old_when_due().await.unwrap();
        assert_eq!(status().await, "ok");
        server.world.authority.measure().await.unwrap();
        let metrics = String::from_utf8(server.call("GET", "/metrics").send().await.bytes).unwrap();
        let at = server.world.authority.now().seconds();
        assert!(metrics.contains(&format!("kaching_retention_last_success_seconds {at}")), "{metrics}");
    })
    .await;
}

#[tokio::test]
async fn a_bad_mac_counts_and_an_outdated_credential_does_not() {
    let server = TestServer::with(World::on(Engine::Sqlite).await, "[limits]\nfailures_per_minute = 2");
    let license = server.seed().await;
    let activate = |nonce: &str| {
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": nonce});
        server.call("POST", "/v1/activate").json(&body).send()
    };
    let first = activate("0123456789abcdef-1").await.expect(201)["credential"].clone();
    activate("0123456789abcdef-2").await.expect(200);
    let off = |credential: String| {
        let body = json!({"nonce": "0123456789abcdef-3"});
        server.call("POST", "/v1/deactivate").json(&body).signed(&credential, 0).send()
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

#[tokio::test]
async fn failures_of_an_address_do_not_delay_valid_keys() {
    World::each(|world| async {
        let server = TestServer::with(world, "[limits]\nfailures_per_minute = 2");
        server.seed().await;
        let licenses = [server.license("team").await, server.license("team").await];
        let there = || Peer::Network("203.0.113.66:1".parse().unwrap());
        let fail = async || {
            while guess(&server, "203.0.113.66:9").await.status != 429 {}
        };
        for license in &licenses {
            fail().await;
            // The first calls of these keys: this process has not seen them yet.
            let key = json!({"license_key": license["key"]});
            server.call("POST", "/v1/validate").peer(there()).json(&key).send().await.expect(200);
            let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f",
                "kind": "cluster", "nonce": "0123456789abcdef"});
            server.call("POST", "/v1/activate").peer(there()).json(&body).send().await.expect(201);
            let by_key = format!("License {}", license["key"].as_str().unwrap());
            let status = server.call("GET", "/v1/status").peer(there()).header("authorization", &by_key);
            status.send().await.expect(200);
        }
        // A neighbour that tries one wrong key after the other is still slow, and learns nothing.
        for _ in 0..3 {
            guess(&server, "203.0.113.66:2").await.refused(429, "rate_limited");
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_keys_are_looked_up_a_limited_number_of_times_after_failures() {
    let server = TestServer::with(World::on(Engine::Sqlite).await, "[limits]\nfailures_per_minute = 1");
    let license = server.seed().await;
    let seen = server.license("team").await;
    let there = || Peer::Network("203.0.113.66:1".parse().unwrap());
    let validate = |key: String| {
        server.call("POST", "/v1/validate").peer(there()).json(&json!({"license_key": key})).send()
    };
    let key = |license: &serde_json::Value| license["key"].as_str().unwrap().to_owned();
    validate(key(&seen)).await.expect(200);
    let mut guesses = 0;
    for _ in 0..60 {
        // Well-formed keys of another authority.
        let strange = kaching_authority::license::LicenseKey::generate("CHORUS", [guesses; 15]).unwrap();
        guesses += 1;
        let answer = validate(strange.expose().to_owned()).await;
        assert_eq!(answer.status, if guesses == 1 { 200 } else { 429 }, "{:#}", answer.body);
    }
    validate(key(&license)).await.refused(429, "rate_limited");
    validate(key(&seen)).await.expect(200);
    server.world.clock.advance(Seconds(1));
    guess(&server, "203.0.113.66:1").await;
    validate(key(&license)).await.expect(200);
}

#[tokio::test]
async fn guesses_of_tokens_are_limited_and_delay_no_valid_token() {
    World::each(|world| async {
        let settings = "[limits]\nfailures_per_minute = 2\noperators_at_once = 1\nlongest_wait_ms = 600000";
        let server = TestServer::with(world, settings);
        let make = async |name: &str| {
            let body = json!({"name": name, "scopes": ["read"]});
            let made = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
            format!("Bearer {}", made["secret"].as_str().unwrap())
        };
        let (used, fresh) = (make("used").await, make("fresh").await);
        let stats =
            |bearer: &str| server.call("GET", "/v1/admin/stats").header("authorization", bearer).send();
        let unknown = |n: u8| format!("Bearer kch_{}", kaching_base::Base64Url([n; 32]));
        stats(&used).await.expect(200);
        // The only place is taken, and strangers are answered before they would wait for it.
        let held = server.world.hold().await;
        let rest = async {
            assert_eq!(stats(&unknown(1)).await.header("ratelimit"), "\"failures\";r=1;t=0");
            stats(&unknown(2)).await.refused(401, "unauthenticated");
            stats(&unknown(3)).await.refused(429, "rate_limited");
            drop(held);
        };
        let customer = json!({"reference": "CUST-001", "name": "Acme"});
        let creating = server.admin("POST", "/customers").json(&customer);
        let rest = tokio::time::timeout(std::time::Duration::from_secs(60), rest);
        let (created, rest) = tokio::join!(biased; creating.send(), rest);
        rest.expect("strangers wait for no place");
        created.expect(201);
        stats(&used).await.expect(200);
        // Also one that this process has not seen yet.
        stats(&fresh).await.expect(200);
        stats(&unknown(4)).await.refused(429, "rate_limited");
        // Without a token nothing is guessed.
        for _ in 0..4 {
            server.call("GET", "/v1/admin/stats").send().await.refused(401, "unauthenticated");
        }
        server.call("GET", "/v1/admin/stats").peer(Peer::Local(0)).send().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_doctor_names_a_proxy_that_is_not_trusted() {
    let settings = "[server]\ntrusted_proxies = ['10.0.0.0/8']";
    let server = TestServer::with(World::on(Engine::Sqlite).await, settings);
    let found = async || {
        let checks = server.admin("GET", "/doctor").send().await.expect(200);
        let found = checks.as_array().unwrap().iter().find(|check| check["check"] == "trusted proxies");
        found.unwrap().clone()
    };
    let from = |peer: &str| {
        let call = server.call("GET", "/health").peer(Peer::Network(peer.parse().unwrap()));
        call.header("x-forwarded-for", "198.51.100.1").send()
    };
    from("10.0.0.1:1").await.expect(200);
    server.call("GET", "/health").send().await.expect(200);
    assert_eq!(found().await["status"], "ok");
    from("[::ffff:192.0.2.7]:1").await.expect(200);
    let check = found().await;
    assert_eq!(check["status"], "warn");
    let remedy = check["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("192.0.2.7 ") && remedy.contains("server.trusted_proxies"), "{remedy}");
}
