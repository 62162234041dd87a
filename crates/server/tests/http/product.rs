//! The calls of products, on both engines.

use kaching_base::Seconds;
use kaching_testkit::World;
use serde_json::{Value, json};

use crate::test_server::{TestServer, stable};

pub(crate) fn activation(license: &Value, fingerprint: &str, nonce: &str) -> Value {
    json!({
        "license_key": license["key"], "product": "chorus", "fingerprint": fingerprint, "kind": "cluster",
        "name": fingerprint, "version": "2.4.1", "levels": {"nodes": 3}, "nonce": nonce,
    })
}

pub(crate) fn heartbeat(fingerprint: &str, nonce: &str) -> Value {
    json!({"nonce": nonce, "fpr": kaching_authority::license::Digest::of(fingerprint).to_string()})
}

pub(crate) fn claims(statement: &Value) -> Value {
    let payload = statement.as_str().unwrap().split('.').nth(1).unwrap();
    let bytes = kaching_base::Base64Url::decode(payload.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) const N1: &str = "0123456789abcdef-1";
pub(crate) const N2: &str = "0123456789abcdef-2";
const N3: &str = "0123456789abcdef-3";

#[tokio::test]
async fn a_product_runs_on_its_license_until_it_is_suspended() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;

        let body = activation(&license, "eu-1", N1);
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        insta::assert_json_snapshot!("activated", stable(&active));
        let lease = claims(&active["lease"]);
        assert_eq!(lease["sub"], license["id"]);
        insta::assert_json_snapshot!("lease", stable(&lease));
        let credential = active["credential"].as_str().unwrap();

        let again = server.call("POST", "/v1/activate").json(&body).send().await.expect(200);
        assert_eq!(again["credential"], active["credential"], "the same nonce is a repeat");

        let body = heartbeat("eu-1", N2);
        let renewed =
            server.call("POST", "/v1/heartbeat").json(&body).signed(credential, 1).send().await.expect(200);
        assert_eq!(claims(&renewed["lease"])["rev"], 1);

        let bearer = format!("Bearer {}", renewed["lease"].as_str().unwrap());
        let status =
            server.call("GET", "/v1/status").header("authorization", &bearer).send().await.expect(200);
        insta::assert_json_snapshot!("status", stable(&status));
        // The key may be in many hands: it shows the holders of the slots, and neither fingerprints nor addresses.
        let by_key = format!("License {}", license["key"].as_str().unwrap());
        for shown in [&by_key, &bearer] {
            let status =
                server.call("GET", "/v1/status").header("authorization", shown).send().await.expect(200);
            let holder = status["activations"]["items"][0].as_object().unwrap();
            let members: Vec<_> = holder.keys().map(String::as_str).collect();
            assert_eq!(members, ["id", "name", "kind", "since", "last_seen_at"]);
        }
        let changes =
            server.call("GET", "/v1/changes?rev=1").header("authorization", &bearer).send().await.expect(200);
        assert_eq!(changes, json!({"rev": 1, "epoch": 1, "now": "2026-11-22T00:00:00Z"}));
        let report =
            json!({"kind": "security", "detail": "näher ✓", "at": "2026-11-22T00:00:00Z", "nonce": N1});
        let answer = server.call("POST", "/v1/reports").json(&report).signed(credential, 0).send().await;
        assert_eq!(answer.status, 204);

        let suspend = format!("/licenses/{}/suspend", license["id"].as_str().unwrap());
        server.admin("POST", &suspend).json(&json!({"reason": "not paid"})).send().await.expect(200);
        let changes =
            server.call("GET", "/v1/changes?rev=1").header("authorization", &bearer).send().await.expect(200);
        assert_eq!(changes["rev"], 2);
        assert_eq!(claims(&changes["refusal"])["code"], "license_suspended");

        let body = heartbeat("eu-1", N3);
        let refused = server.call("POST", "/v1/heartbeat").json(&body).signed(credential, 2).send().await;
        let refused = refused.refused(403, "license_suspended");
        insta::assert_json_snapshot!("suspended", stable(&refused));
        insta::assert_json_snapshot!("suspended_statement", stable(&claims(&refused["statement"])));

        let off = server
            .call("POST", "/v1/deactivate")
            .json(&json!({"nonce": N2}))
            .signed(credential, 0)
            .send()
            .await;
        assert_eq!(off.status, 204);
    })
    .await;
}

#[tokio::test]
async fn the_fourth_wait_of_one_activation_is_answered_immediately() {
    let server = TestServer::of(World::on(kaching_testkit::Engine::Sqlite).await);
    let license = server.seed().await;
    let body = activation(&license, "eu-1", N1);
    let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
    let bearer = format!("Bearer {}", active["lease"].as_str().unwrap());
    let wait = || server.call("GET", "/v1/changes?rev=1&wait=55").header("authorization", &bearer).send();
    let answer = async {
        tokio::select! {
            answer = wait() => answer,
            answer = wait() => answer,
            answer = wait() => answer,
            answer = wait() => answer,
        }
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), answer).await;
    assert_eq!(answer.expect("one does not wait").expect(200)["rev"], 1);
}

#[tokio::test]
async fn a_full_license_names_its_holders() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let mut body = activation(&license, "eu-1", N1);
        body["name"] = json!("eu-1\u{202e}");
        server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let refused =
            server.call("POST", "/v1/activate").json(&activation(&license, "eu-2", N2)).send().await;
        let refused = refused.refused(403, "activation_limit_reached");
        assert_eq!(refused["holders"][0]["name"], body["name"]);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("held by eu-1\\u{202e}."), "no name turns a sentence around: {detail}");
        assert_eq!(refused["upgrade"]["plan"], "enterprise");
        let statement = claims(&refused["statement"]);
        assert_eq!(
            (&statement["code"], &statement["sub"]),
            (&json!("activation_limit_reached"), &license["id"])
        );
    })
    .await;
}

#[tokio::test]
async fn validate_answers_every_key() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let key = license["key"].as_str().unwrap();
        let ask = |body: Value| server.call("POST", "/v1/validate").json(&body).send();

        let valid = ask(json!({"license_key": key, "product": "chorus", "nonce": N1})).await.expect(200);
        assert_eq!((&valid["valid"], &valid["code"]), (&json!(true), &json!("valid")));
        assert!(valid["license"].get("key").is_none());
        assert_eq!(claims(&valid["statement"])["valid"], true);
        let cases = [
            (json!({"license_key": key, "product": "other"}), "product_mismatch"),
            (json!({"license_key": key, "fingerprint": "eu-1", "kind": "cluster"}), "activation_not_found"),
            (json!({"license_key": key, "features": ["federation"]}), "feature_not_licensed"),
            (json!({"license_key": "CHORUS-1"}), "key_malformed"),
            (json!({"license_key": ""}), "key_malformed"),
        ];
        for (body, code) in cases {
            let answer = ask(body).await.expect(200);
            assert_eq!((&answer["valid"], &answer["code"]), (&json!(false), &json!(code)));
        }
        server.world.clock.advance(Seconds::days(366));
        assert_eq!(ask(json!({"license_key": key})).await.expect(200)["code"], "valid_in_grace");
        server.world.clock.advance(Seconds::days(14));
        assert_eq!(ask(json!({"license_key": key})).await.expect(200)["code"], "license_expired");

        let header = format!("License {key}");
        let body = json!({"product": "chorus"});
        let by_header =
            server.call("POST", "/v1/validate").header("authorization", &header).json(&body).send().await;
        assert_eq!(by_header.expect(200)["code"], "license_expired");
        ask(json!({"product": "chorus"})).await.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn pasted_keys_leases_and_tokens_are_understood() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let key = license["key"].as_str().unwrap();
        let pasted = [
            format!("\u{feff}“{}”\r\n", key.replace('-', "–")),
            format!("Bearer {}", key.replace('-', "\u{2011}\u{200b}")),
            format!("'{}\r\n{}'", &key[..20], &key[20..]),
        ];
        for text in &pasted {
            let body = json!({"license_key": text, "product": "chorus"});
            let valid = server.call("POST", "/v1/validate").json(&body).send().await.expect(200);
            assert_eq!(valid["code"], "valid", "{text:?}");
            let mut body = activation(&license, "eu-1", N1);
            body["license_key"] = json!(text);
            let header = format!("License “{}”", key.replace('-', "–"));
            let active = server.call("POST", "/v1/activate").header("authorization", &header).json(&body);
            let active = active.send().await;
            assert!([200, 201].contains(&active.status), "{active:?}");

            let status = server.call("GET", "/v1/status").header("authorization", &header).send().await;
            assert_eq!(status.expect(200)["state"], "active");
            let bearer = format!("Bearer \"{}\"", active.body["lease"].as_str().unwrap());
            let status = server.call("GET", "/v1/status").header("authorization", &bearer).send().await;
            assert_eq!(status.expect(200)["state"], "active");
        }
        let other = json!({"license_key": format!("{key}7"), "product": "chorus"});
        let header = format!("License {key}");
        let differ =
            server.call("POST", "/v1/validate").header("authorization", &header).json(&other).send().await;
        differ.refused(422, "invalid_request");

        let token = std::fs::read_to_string(server.world.directory.path().join("first-token")).unwrap();
        let bearer = format!("bearer “{}”", token.trim());
        server.call("GET", "/v1/admin/licenses").header("authorization", &bearer).send().await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_lease_has_the_hash_of_the_catalogue() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let active = server
            .call("POST", "/v1/activate")
            .json(&activation(&license, "eu-1", N1))
            .send()
            .await
            .expect(201);
        let by_key = format!("License {}", license["key"].as_str().unwrap());
        let answer = server.call("GET", "/v1/catalogue").header("authorization", &by_key).send().await;
        let etag = answer.header("etag").to_owned();
        assert_eq!(etag, format!("\"{}\"", claims(&active["lease"])["cat"].as_str().unwrap()));
        assert_eq!(kaching_authority::license::Digest::of(&answer.bytes).to_string(), etag.trim_matches('"'));
        assert_eq!(answer.body["features"][0]["benefit"], "Link clusters");
        let same = server
            .call("GET", "/v1/catalogue")
            .header("authorization", &by_key)
            .header("if-none-match", &etag);
        assert_eq!(same.send().await.status, 304);
    })
    .await;
}

#[tokio::test]
async fn a_waiting_product_is_notified_when_its_license_changes() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let active = server
            .call("POST", "/v1/activate")
            .json(&activation(&license, "eu-1", N1))
            .send()
            .await
            .expect(201);
        let bearer = format!("Bearer {}", active["lease"].as_str().unwrap());
        let suspend = format!("/licenses/{}/suspend", license["id"].as_str().unwrap());
        let waiting = server.call("GET", "/v1/changes?rev=1&wait=55").header("authorization", &bearer).send();
        let suspending = server.admin("POST", &suspend).json(&json!({"reason": "not paid"})).send();
        let both = async { tokio::join!(waiting, suspending) };
        let (answer, _) = server.following(both).await;
        assert_eq!(answer.expect(200)["rev"], 2);
        let impatient =
            server.call("GET", "/v1/changes?rev=1&wait=56").header("authorization", &bearer).send().await;
        impatient.refused(422, "invalid_request");
        server.call("GET", "/v1/changes?rev=1").send().await.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_problem_of_the_authority_is_named_and_ends() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let ready = async || server.call("GET", "/ready").public().send().await;
        ready().await.expect(200);
        server.world.clock.jump(kaching_base::Seconds(3600));
        let problem = ready().await.refused(503, "overloaded");
        assert!(problem["detail"].as_str().unwrap().contains("kaching clock accept"), "{problem:#}");
        let new = json!({"name": "Acme"});
        let problem = server.admin("POST", "/customers").json(&new).send().await.refused(503, "overloaded");
        assert!(problem["detail"].as_str().unwrap().contains("the clock jumped"), "{problem:#}");
        server.admin("GET", "/customers").send().await.expect(200);
        let accepted = server.admin("POST", "/clock/accept").send().await.expect(200);
        assert_eq!(accepted["epoch"], Value::Null);
        ready().await.expect(200);
        server.admin("POST", "/clock/accept").send().await.refused(409, "wrong_state");

        server.world.authority.close().await;
        ready().await.refused(503, "overloaded");
    })
    .await;
}

#[tokio::test]
async fn discovery_names_every_endpoint() {
    let server = TestServer::of(World::on(kaching_testkit::Engine::Sqlite).await);
    let found = server.call("GET", "/.well-known/kaching").public().send().await.expect(200);
    assert_eq!(found["endpoints"]["activate"], "https://licenses.example.com/v1/activate");
    assert!(found["roots"][0].as_str().unwrap().starts_with("kaching-root:"));
    assert_eq!(claims(&found["keysets"][0])["epoch"], found["epoch"]);
    let jwks = server.call("GET", "/.well-known/jwks.json").public().send().await.expect(200);
    assert_eq!(claims(&found["keysets"][0])["keys"], jwks["keys"]);
    server.call("GET", "/health").public().send().await.expect(200);
    server.call("GET", "/ready").public().send().await.expect(200);
    let described = server.call("GET", "/openapi.json").public().send().await;
    assert_eq!(described.body, *crate::test_server::description());
}

#[tokio::test]
async fn a_domain_is_the_name_of_one_host_in_any_spelling() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let of = |fingerprint: &str, nonce: &str| {
            json!({
                "license_key": license["key"], "product": "chorus", "fingerprint": fingerprint, "kind": "domain",
                "nonce": nonce,
            })
        };
        let activate = async |body: Value| server.call("POST", "/v1/activate").json(&body).send().await;
        for wrong in ["https://App.example.com:8443/login", "app.example.com:443", " app.example.com"] {
            let problem = activate(of(wrong, N1)).await.refused(422, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], "/fingerprint");
            assert!(problem.to_string().contains("use app.example.com"), "{problem}");
        }
        activate(of("*.example.com", N1)).await.refused(422, "invalid_request");

        let active = activate(of("app.example.com", N1)).await.expect(201);
        let again = activate(of("App.Example.COM.", N2)).await.expect(200);
        assert_eq!(again["activation"]["id"], active["activation"]["id"]);
        assert_eq!(again["activation"]["fingerprint"], "app.example.com");
        let own = kaching_authority::license::Digest::of("App.Example.COM.").to_string();
        assert_eq!(claims(&again["lease"])["fpr"], own.as_str());
        let body = heartbeat("App.Example.COM.", N3);
        let credential = again["credential"].as_str().unwrap();
        let renewed =
            server.call("POST", "/v1/heartbeat").json(&body).signed(credential, 1).send().await.expect(200);
        assert_eq!(claims(&renewed["lease"])["fpr"], own.as_str());

        let path = format!("/licenses/{}", license["id"].as_str().unwrap());
        let bind = |value: &str| json!({"bindings": [{"kind": "domain", "value": value}]});
        for public in ["*.com", "*.github.io"] {
            let problem = server.admin("PATCH", &path).json(&bind(public)).send().await;
            assert_eq!(problem.refused(422, "invalid_request")["errors"][0]["pointer"], "/bindings/0");
        }
        server.admin("PATCH", &path).json(&bind("*.corp")).send().await.expect(200);
    })
    .await;
}
