//! The operator API, on both engines.

use kaching_server::Peer;
use kaching_testkit::World;
use serde_json::{Value, json};

use crate::face::Face;

#[tokio::test]
async fn every_noun_is_made_shown_listed_edited_and_archived() {
    World::each(|world| async {
        let face = Face::of(world);
        face.seed().await;
        let cases = [
            ("products", "chorus", json!({"name": "Chorus 2", "contact": null})),
            ("features", "chorus:federation", json!({"benefit": "Link clusters across regions"})),
            ("plans", "chorus:team", json!({"limits": {"nodes": null, "jobs": {"kind": "counter", "max": 9, "per": "day"}},
                "lease_policy": {"offline_s": 60}, "price": {"currency": "EUR", "amount": 490_000, "interval": "year"}})),
            ("customers", "CUST-001", json!({"company": "Acme Inc.", "metadata": {"crm": "17"}})),
        ];
        for (noun, address, edit) in cases {
            let at = format!("/{noun}/{address}");
            let shown = face.admin("GET", &at).send().await.expect(200);
            let list = face.admin("GET", &format!("/{noun}")).send().await.expect(200);
            assert!(list["items"].as_array().unwrap().contains(&shown), "{list:#}");
            let edited = face.admin("PATCH", &at).json(&edit).send().await.expect(200);
            assert_ne!(edited, shown);
            assert_eq!(face.admin("GET", &at).send().await.expect(200), edited);
            face.admin("PATCH", &at).json(&json!({"name": null})).send().await.refused(422, "invalid_request");
            face.admin("DELETE", &at).send().await.expect(200);
            let list = face.admin("GET", &format!("/{noun}")).send().await.expect(200);
            assert!(!list["items"].as_array().unwrap().iter().any(|item| item.get("id") == shown.get("id") && noun != "features"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_license_lives_its_life() {
    World::each(|world| async {
        let face = Face::of(world);
        let license = face.seed().await;
        let at = format!("/licenses/{}", license["id"].as_str().unwrap());
        let verb = |verb: &str, body: Value| face.admin("POST", &format!("{at}/{verb}")).json(&body).send();

        assert!(license["key"].as_str().unwrap().starts_with("CHORUS-"));
        let shown = face.admin("GET", &at).send().await.expect(200);
        assert!(shown.get("key").is_none());
        let by_key = face.admin("GET", &format!("/licenses/{}", license["key"].as_str().unwrap())).send().await;
        assert_eq!(by_key.expect(200), shown);
        let key = face.admin("GET", &format!("{at}/key")).send().await.expect(200);
        assert_eq!(key["key"], license["key"]);

        let suspended = verb("suspend", json!({"reason": "not paid"})).await.expect(200);
        assert_eq!((&suspended["state"], &suspended["suspended_reason"]), (&json!("suspended"), &json!("not paid")));
        verb("suspend", json!({"reason": "again"})).await.refused(409, "wrong_state");
        assert_eq!(face.admin("POST", &format!("{at}/reinstate")).send().await.expect(200)["state"], "active");
        verb("reinstate", json!({})).await.refused(409, "wrong_state");
        let later = verb("upgrade", json!({"plan": "enterprise", "at": "period_end"})).await.expect(200);
        assert_eq!(later["scheduled"], json!({"plan": "enterprise", "at": later["expires_at"]}));
        let upgraded = verb("upgrade", json!({"plan": "enterprise"})).await.expect(200);
        assert!(upgraded.get("scheduled").is_none());
        assert_eq!((&upgraded["plan"], &upgraded["features"]), (&json!("enterprise"), &json!(["federation"])));
        let renewed = verb("renew", json!({"days": 10})).await.expect(200);
        assert_eq!(renewed["expires_at"], "2027-12-02T00:00:00Z");
        let rekeyed = verb("rekey", json!({"old_ends_in_s": 60})).await.expect(200);
        assert_ne!(rekeyed["key"], license["key"]);
        let body = json!({"reference": "CUST-002", "name": "Bolt"});
        let bolt = face.admin("POST", "/customers").json(&body).send().await.expect(201);
        assert_eq!(verb("transfer", json!({"customer": "CUST-002"})).await.expect(200)["customer"], bolt["id"]);
        let edit = json!({"tags": ["vip"], "notes": "calls on Mondays", "bindings": [{"kind": "domain", "value": "*.example.com"}]});
        let edited = face.admin("PATCH", &at).json(&edit).send().await.expect(200);
        assert_eq!(edited["bindings"], edit["bindings"]);
        let found = face.admin("GET", "/licenses?tag=vip&customer=CUST-002&state=active").send().await.expect(200);
        assert_eq!(found["items"][0]["id"], license["id"]);
        verb("revoke", json!({"confirm": "yes"})).await.refused(422, "invalid_request");
        assert_eq!(verb("revoke", json!({"confirm": license["id"]})).await.expect(200)["state"], "revoked");
        assert!(!face.admin("DELETE", &at).send().await.expect(200)["archived_at"].is_null());

        let audit = face.admin("GET", &format!("/audit?target={}", license["id"].as_str().unwrap())).send().await;
        let audit = audit.expect(200);
        let told: Vec<_> = audit["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
        assert!(told.contains(&"license.suspend") && told.contains(&"license.transfer"), "{told:?}");
        let stats = face.admin("GET", "/stats").send().await.expect(200);
        assert_eq!(stats["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    World::each(|world| async {
        let face = Face::of(world);
        face.seed().await;
        for i in 0..5 {
            let body = json!({"reference": format!("C-{i}"), "name": format!("Customer {i}")});
            face.admin("POST", "/customers").json(&body).send().await.expect(201);
        }
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page =
                face.admin("GET", &format!("/customers?limit=2&sort=name{next}")).send().await.expect(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            seen.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
            let Some(after) = page["next"].as_str() else { break };
            next = format!("&after={after}");
        }
        assert_eq!(seen, ["Acme", "Customer 0", "Customer 1", "Customer 2", "Customer 3", "Customer 4"]);
        for (query, pointer) in [
            ("limit=0", "/limit"),
            ("limit=201", "/limit"),
            ("limit=-1", "/limit"),
            ("limit=many", "/limit"),
            ("after=nonsense", "/after"),
            ("sort=colour", "/sort"),
            ("colour=blue", "/colour"),
        ] {
            let refused = face.admin("GET", &format!("/customers?{query}")).send().await;
            assert_eq!(refused.refused(422, "invalid_request")["errors"][0]["pointer"], pointer, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_idempotency_key_has_the_effect_of_one() {
    World::each(|world| async {
        let face = Face::of(world);
        face.seed().await;
        let make = |name: &str| {
            let body = json!({"customer": "CUST-001", "product": "chorus", "plan": "team", "notes": name});
            face.admin("POST", "/licenses").header("idempotency-key", "order-17").json(&body).send()
        };
        let first = make("a").await;
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = make("a").await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
        assert_eq!(again.body, first.body, "the key of the license, too");
        make("b").await.refused(422, "idempotency_key_reused");
        let list = face.admin("GET", "/licenses").send().await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        let failing = || {
            face.admin("POST", "/licenses")
                .header("idempotency-key", "k")
                .json(&json!({"customer": "NOBODY", "product": "chorus", "plan": "team"}))
                .send()
        };
        failing().await;
        let body = json!({"name": "Nobody", "reference": "NOBODY"});
        face.admin("POST", "/customers").json(&body).send().await.expect(201);
        failing().await.expect(201);
        let bad = face.admin("POST", "/customers").header("idempotency-key", "").json(&body).send().await;
        bad.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn tokens_may_do_what_their_scopes_say() {
    World::each(|world| async {
        let face = Face::of(world);
        face.seed().await;
        let body = json!({"name": "reports", "scopes": ["read"]});
        let token = face.admin("POST", "/tokens").json(&body).send().await.expect(201);
        let secret = token["secret"].as_str().unwrap();
        assert!(secret.starts_with("kch_"));
        let bearer = format!("Bearer {secret}");
        let call = |method, path: &str| {
            face.call(method, &format!("/v1/admin{path}")).header("authorization", &bearer)
        };
        call("GET", "/licenses").send().await.expect(200);
        let body = json!({"code": "x", "name": "X"});
        let refused = call("POST", "/products").json(&body).send().await.refused(403, "forbidden");
        assert!(refused["detail"].as_str().unwrap().contains("catalogue:write"));
        call("GET", "/tokens").send().await.refused(403, "forbidden");
        let shown =
            face.admin("GET", &format!("/tokens/{}", token["id"].as_str().unwrap())).send().await.expect(200);
        assert!(shown.get("secret").is_none());
        face.admin("DELETE", &format!("/tokens/{}", token["id"].as_str().unwrap())).send().await.expect(200);
        call("GET", "/licenses").send().await.refused(401, "unauthenticated");
        for authorization in ["Bearer kch_nonsense", "Bearer ", "Basic YTpi", "nonsense"] {
            let refused =
                face.call("GET", "/v1/admin/stats").header("authorization", authorization).send().await;
            assert_eq!(refused.header("www-authenticate"), "Bearer");
            refused.refused(401, "unauthenticated");
        }
        let body = json!({"name": "x", "scopes": ["everything"]});
        face.admin("POST", "/tokens").json(&body).send().await.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn the_local_user_needs_no_token_and_is_named_in_the_audit() {
    World::each(|world| async {
        let face = Face::of(world);
        let body = json!({"code": "chorus", "name": "CHORUS"});
        face.call("POST", "/v1/admin/products").peer(Peer::Local(1000)).json(&body).send().await.expect(201);
        face.call("POST", "/v1/admin/products").json(&body).send().await.refused(401, "unauthenticated");
        let audit = face
            .call("GET", "/v1/admin/audit?action=product.create")
            .peer(Peer::Local(0))
            .send()
            .await
            .expect(200);
        assert_eq!(audit["items"][0]["actor"], json!({"kind": "local", "id": "1000"}));
    })
    .await;
}

#[tokio::test]
async fn operators_see_and_free_activations() {
    World::each(|world| async {
        let face = Face::of(world);
        let license = face.seed().await;
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "eu-1", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = face.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let id = active["activation"]["id"].as_str().unwrap();
        let list = face.admin("GET", &format!("/activations?license={}", license["id"].as_str().unwrap())).send().await;
        assert_eq!(list.expect(200)["items"][0]["id"], id);
        let moved = face.admin("POST", &format!("/activations/{id}/move")).json(&json!({"fingerprint": "eu-2"})).send().await.expect(200);
        assert_eq!((&moved["fingerprint"], &moved["status"]), (&json!("eu-2"), &json!("active")));
        assert_eq!(face.admin("GET", &format!("/activations/{id}")).send().await.expect(200)["status"], "superseded");
        let moved = moved["id"].as_str().unwrap();
        let freed = face.admin("POST", &format!("/activations/{moved}/release")).send().await.expect(200);
        assert_eq!(freed["status"], "released");
        face.admin("POST", &format!("/activations/{moved}/release")).send().await.refused(409, "wrong_state");
    })
    .await;
}

#[tokio::test]
async fn the_authority_looks_after_itself() {
    World::each(|world| async {
        let face = Face::of(world);
        face.seed().await;
        let checks = face.admin("GET", "/doctor").send().await.expect(200);
        assert!(checks.as_array().unwrap().iter().all(|check| check["status"] != "fail"), "{checks:#}");
        let keys = face.admin("GET", "/keys").send().await.expect(200);
        let kid = keys["items"][0]["kid"].as_str().unwrap();
        assert_eq!(face.admin("GET", &format!("/keys/{kid}")).send().await.expect(200), keys["items"][0]);
        face.admin("POST", "/keys").json(&json!({"purpose": "lease"})).send().await.expect(201);
        let keys = face.admin("GET", "/keys").send().await.expect(200);
        assert_eq!(keys["items"].as_array().unwrap().len(), 2);
        face.world.clock.advance(kaching_base::Seconds::days(351));
        let due = face.admin("GET", "/reminders").send().await.expect(200);
        assert_eq!((&due["items"][0]["days_left"], &due["items"][0]["due"]), (&json!(14), &json!(14)));
        let applied = face.admin("POST", "/plans/chorus:team/apply").json(&json!({"to": "all"})).send().await;
        assert_eq!(applied.expect(200)["licenses"], 1);
        let odd = face.admin("POST", "/plans/chorus:team/apply").json(&json!({"to": "some"})).send().await;
        odd.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn of_the_keys_the_newest_signs() {
    World::each(|world| async {
        let clock = std::sync::Arc::clone(&world.clock);
        let face = Face::of(world);
        let first = face.admin("GET", "/keys").send().await.expect(200)["items"][0].clone();
        assert_eq!(first["current"], true);
        clock.advance(kaching_base::Seconds(1));
        face.admin("POST", "/keys").json(&json!({"purpose": "lease"})).send().await.expect(201);
        let keys = face.admin("GET", "/keys").send().await.expect(200);
        let current: Vec<_> =
            keys["items"].as_array().unwrap().iter().map(|key| (&key["kid"], &key["current"])).collect();
        assert_eq!(current.len(), 2);
        assert_eq!(current[0], (&first["kid"], &json!(false)));
        assert_eq!(current[1].1, &json!(true));
    })
    .await;
}
