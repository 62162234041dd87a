//! The operator API, on both engines.

use kaching_server::Peer;
use kaching_testkit::World;
use serde_json::{Value, json};

use crate::test_server::{TestServer, stable};

#[tokio::test]
async fn each_object_is_created_shown_listed_edited_and_archived() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let cases = [
            ("products", "chorus", json!({"name": "Chorus 2", "contact": null})),
            ("features", "chorus:federation", json!({"benefit": "Link clusters across regions"})),
            ("plans", "chorus:team", json!({"limits": {"nodes": null, "jobs": {"kind": "counter", "max": 9, "per": "day"}},
                "lease_policy": {"offline_s": 60}, "price": {"currency": "EUR", "amount": 490_000, "interval": "year"}})),
            ("customers", "CUST-001", json!({"company": "Acme Inc.", "metadata": {"crm": "17"}})),
        ];
        for (noun, address, edit) in cases {
            let at = format!("/{noun}/{address}");
            let shown = server.admin("GET", &at).send().await.expect(200);
            let list = server.admin("GET", &format!("/{noun}")).send().await.expect(200);
            assert!(list["items"].as_array().unwrap().contains(&shown), "{list:#}");
            let edited = server.admin("PATCH", &at).json(&edit).send().await.expect(200);
            assert_ne!(edited, shown);
            assert_eq!(server.admin("GET", &at).send().await.expect(200), edited);
            server.admin("PATCH", &at).json(&json!({"name": null})).send().await.refused(422, "invalid_request");
            // The license of the customer runs.
            server.admin("DELETE", &format!("{at}?force=true")).send().await.expect(200);
            let list = server.admin("GET", &format!("/{noun}")).send().await.expect(200);
            assert!(!list["items"].as_array().unwrap().iter().any(|item| item.get("id") == shown.get("id") && noun != "features"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_license_lives_its_life() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let at = format!("/licenses/{}", license["id"].as_str().unwrap());
        let verb = |verb: &str, body: Value| server.admin("POST", &format!("{at}/{verb}")).json(&body).send();

        assert!(license["key"].as_str().unwrap().starts_with("CHORUS-"));
        let shown = server.admin("GET", &at).send().await.expect(200);
        assert!(shown.get("key").is_none());
        let find = |key: &str| {
            server.admin("POST", "/licenses/find").json(&json!({"license_key": key.to_lowercase()})).send()
        };
        assert_eq!(find(license["key"].as_str().unwrap()).await.expect(200), shown);
        find("CHORUS-00000-00000-00000-00000-0000Y").await.refused(422, "key_malformed");
        let key = server.admin("GET", &format!("{at}/key")).send().await.expect(200);
        assert_eq!(key["key"], license["key"]);

        let suspended = verb("suspend", json!({"reason": "not paid"})).await.expect(200);
        assert_eq!((&suspended["state"], &suspended["suspended_reason"]), (&json!("suspended"), &json!("not paid")));
        verb("suspend", json!({"reason": "again"})).await.refused(409, "wrong_state");
        assert_eq!(server.admin("POST", &format!("{at}/reinstate")).send().await.expect(200)["state"], "active");
        verb("reinstate", json!({})).await.refused(409, "wrong_state");
        let later = verb("upgrade", json!({"plan": "enterprise", "at": "period_end"})).await.expect(200);
        assert_eq!(later["scheduled"], json!({"plan": "enterprise", "at": later["expires_at"]}));
        let upgraded = verb("upgrade", json!({"plan": "enterprise"})).await.expect(200);
        insta::assert_json_snapshot!("license_upgraded", stable(&upgraded));
        let renewed = verb("renew", json!({"days": 10})).await.expect(200);
        assert_eq!(renewed["expires_at"], "2027-12-02T00:00:00Z");
        let rekeyed = verb("rekey", json!({"old_ends_in_s": 60})).await.expect(200);
        assert_ne!(rekeyed["key"], license["key"]);
        let body = json!({"reference": "CUST-002", "name": "Bolt"});
        let bolt = server.admin("POST", "/customers").json(&body).send().await.expect(201);
        assert_eq!(verb("transfer", json!({"customer": "CUST-002"})).await.expect(200)["customer"], bolt["id"]);
        let edit = json!({"tags": ["vip"], "notes": "calls on Mondays", "bindings": [{"kind": "domain", "value": "*.example.com"}]});
        let edited = server.admin("PATCH", &at).json(&edit).send().await.expect(200);
        insta::assert_json_snapshot!("license_edited", stable(&edited));
        let found = server.admin("GET", "/licenses?tag=vip&customer=CUST-002&state=active").send().await.expect(200);
        assert_eq!(found["items"][0]["id"], license["id"]);
        verb("revoke", json!({"confirm": "yes"})).await.refused(422, "invalid_request");
        assert_eq!(verb("revoke", json!({"confirm": license["id"]})).await.expect(200)["state"], "revoked");
        assert!(!server.admin("DELETE", &at).send().await.expect(200)["archived_at"].is_null());

        let audit = server.admin("GET", &format!("/audit?target={}", license["id"].as_str().unwrap())).send().await;
        let audit = audit.expect(200);
        insta::assert_json_snapshot!("license_audit", stable(&audit));
        let stats = server.admin("GET", "/stats").send().await.expect(200);
        insta::assert_json_snapshot!("stats_without_licenses", stats);
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        for i in 0..5 {
            let body = json!({"reference": format!("C-{i}"), "name": format!("Customer {i}")});
            server.admin("POST", "/customers").json(&body).send().await.expect(201);
        }
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page =
                server.admin("GET", &format!("/customers?limit=2&sort=name{next}")).send().await.expect(200);
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
            ("metadata=eu", "/metadata"),
            ("metadata[]=eu", "/metadata"),
            ("metadata[region=eu", "/metadata[region"),
            ("metadata[region]=eu&metadata[region]=us", "/metadata[region]"),
        ] {
            let refused = server.admin("GET", &format!("/customers?{query}")).send().await;
            assert_eq!(refused.refused(422, "invalid_request")["errors"][0]["pointer"], pointer, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn lists_are_searched_and_filtered_by_metadata() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let body = json!({"reference": "DE-1", "name": "Müller Straßenbau", "metadata": {"region": "eu", "a[b]": "1 & 2"}});
        let made = server.admin("POST", "/customers").json(&body).send().await.expect(201);
        let body = json!({"customer": "DE-1", "product": "chorus", "plan": "team", "metadata": {"order": "77123"}});
        let license = server.admin("POST", "/licenses").json(&body).send().await.expect(201);
        for (query, found) in [
            ("customers?q=STRASSENBAU%20mu%CC%88ller", Some(&made["id"])),
            ("customers?metadata[region]=eu", Some(&made["id"])),
            ("customers?metadata%5Bregion%5D=eu&metadata%5Ba%5Bb%5D%5D=1+%26+2&limit=1", Some(&made["id"])),
            ("customers?metadata[region]=us", None),
            ("customers?metadata[region]=eu&q=acme", None),
            ("customers?q=--", None),
            ("licenses?q=strassenbau&metadata[order]=77123", Some(&license["id"])),
            ("licenses?metadata[order]=7712", None),
            ("licenses?q=***", None),
        ] {
            let page = server.admin("GET", &format!("/{query}")).send().await.expect(200);
            let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
            assert_eq!(ids, found.into_iter().collect::<Vec<_>>(), "{query}");
        }
        let many: String = (0..51).map(|i| format!("&metadata[{i}]=x")).collect();
        let many = server.admin("GET", &format!("/licenses?{many}")).send().await;
        assert_eq!(many.refused(422, "invalid_request")["errors"][0]["pointer"], "/metadata");
        let elsewhere = server.admin("GET", "/plans?metadata[region]=eu").send().await;
        assert_eq!(elsewhere.refused(422, "invalid_request")["errors"][0]["pointer"], "/metadata");
    })
    .await;
}

#[tokio::test]
async fn the_same_idempotency_key_has_the_effect_of_one() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let make = |name: &str| {
            let body = json!({"customer": "CUST-001", "product": "chorus", "plan": "team", "notes": name});
            server.admin("POST", "/licenses").header("idempotency-key", "order-17").json(&body).send()
        };
        let first = make("a").await;
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = make("a").await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
        assert_eq!(again.body, first.body, "the key of the license, too");
        make("b").await.refused(422, "idempotency_key_reused");
        let list = server.admin("GET", "/licenses").send().await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        let failing = || {
            server
                .admin("POST", "/licenses")
                .header("idempotency-key", "k")
                .json(&json!({"customer": "NOBODY", "product": "chorus", "plan": "team"}))
                .send()
        };
        failing().await;
        let body = json!({"name": "Nobody", "reference": "NOBODY"});
        server.admin("POST", "/customers").json(&body).send().await.expect(201);
        failing().await.expect(201);
        let bad = server.admin("POST", "/customers").header("idempotency-key", "").json(&body).send().await;
        bad.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn tokens_are_limited_to_their_scopes() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let body = json!({"name": "reports", "scopes": ["read"]});
        let token = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
        let secret = token["secret"].as_str().unwrap();
        assert!(secret.starts_with("kch_"));
        let bearer = format!("Bearer {secret}");
        let call = |method, path: &str| {
            server.call(method, &format!("/v1/admin{path}")).header("authorization", &bearer)
        };
        call("GET", "/licenses").send().await.expect(200);
        let body = json!({"code": "x", "name": "X"});
        let refused = call("POST", "/products").json(&body).send().await.refused(403, "forbidden");
        assert!(refused["detail"].as_str().unwrap().contains("catalogue:write"));
        call("GET", "/tokens").send().await.refused(403, "forbidden");
        let shown = server
            .admin("GET", &format!("/tokens/{}", token["id"].as_str().unwrap()))
            .send()
            .await
            .expect(200);
        assert!(shown.get("secret").is_none());
        server
            .admin("DELETE", &format!("/tokens/{}", token["id"].as_str().unwrap()))
            .send()
            .await
            .expect(200);
        call("GET", "/licenses").send().await.refused(401, "unauthenticated");
        for authorization in ["Bearer kch_nonsense", "Bearer ", "Basic YTpi", "nonsense"] {
            let refused =
                server.call("GET", "/v1/admin/stats").header("authorization", authorization).send().await;
            assert_eq!(refused.header("www-authenticate"), "Bearer");
            refused.refused(401, "unauthenticated");
        }
        let body = json!({"name": "x", "scopes": ["everything"]});
        server.admin("POST", "/tokens").json(&body).send().await.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn the_local_user_needs_no_token_and_is_named_in_the_audit() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let body = json!({"code": "chorus", "name": "CHORUS"});
        server
            .call("POST", "/v1/admin/products")
            .peer(Peer::Local(1000))
            .json(&body)
            .send()
            .await
            .expect(201);
        server.call("POST", "/v1/admin/products").json(&body).send().await.refused(401, "unauthenticated");
        let audit = server
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
async fn operators_see_and_release_activations() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "eu-1", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let id = active["activation"]["id"].as_str().unwrap();
        let list = server.admin("GET", &format!("/activations?license={}", license["id"].as_str().unwrap())).send().await;
        assert_eq!(list.expect(200)["items"][0]["id"], id);
        let moved = server.admin("POST", &format!("/activations/{id}/move")).json(&json!({"fingerprint": "eu-2"})).send().await.expect(200);
        assert_eq!((&moved["fingerprint"], &moved["status"]), (&json!("eu-2"), &json!("active")));
        assert_eq!(server.admin("GET", &format!("/activations/{id}")).send().await.expect(200)["status"], "superseded");
        let moved = moved["id"].as_str().unwrap();
        let freed = server.admin("POST", &format!("/activations/{moved}/release")).send().await.expect(200);
        assert_eq!(freed["status"], "released");
        server.admin("POST", &format!("/activations/{moved}/release")).send().await.refused(409, "wrong_state");
    })
    .await;
}

#[tokio::test]
async fn doctor_checks_the_authority() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let checks = server.admin("GET", "/doctor").send().await.expect(200);
        assert!(checks.as_array().unwrap().iter().all(|check| check["status"] != "fail"), "{checks:#}");
        let keys = server.admin("GET", "/keys").send().await.expect(200);
        let kid = keys["items"][0]["kid"].as_str().unwrap();
        assert_eq!(server.admin("GET", &format!("/keys/{kid}")).send().await.expect(200), keys["items"][0]);
        server.admin("POST", "/keys").json(&json!({"purpose": "lease"})).send().await.expect(201);
        let keys = server.admin("GET", "/keys").send().await.expect(200);
        assert_eq!(keys["items"].as_array().unwrap().len(), 2);
        server.world.clock.advance(kaching_base::Seconds::days(351));
        let due = server.admin("GET", "/reminders").send().await.expect(200);
        assert_eq!((&due["items"][0]["days_left"], &due["items"][0]["due"]), (&json!(14), &json!(14)));
        let applied =
            server.admin("POST", "/plans/chorus:team/apply").json(&json!({"to": "all"})).send().await;
        assert_eq!(applied.expect(200)["licenses"], 1);
        let odd = server.admin("POST", "/plans/chorus:team/apply").json(&json!({"to": "some"})).send().await;
        odd.refused(422, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn the_newest_key_signs() {
    World::each(|world| async {
        let clock = std::sync::Arc::clone(&world.clock);
        let server = TestServer::of(world);
        let first = server.admin("GET", "/keys").send().await.expect(200)["items"][0].clone();
        assert_eq!(first["current"], true);
        clock.advance(kaching_base::Seconds(1));
        server.admin("POST", "/keys").json(&json!({"purpose": "lease"})).send().await.expect(201);
        let keys = server.admin("GET", "/keys").send().await.expect(200);
        assert_eq!(keys["items"][1]["current"], false, "it is published before it signs");
        clock.advance(kaching_authority::PUBLISHED_BEFORE);
        let keys = server.admin("GET", "/keys").send().await.expect(200);
        let current: Vec<_> =
            keys["items"].as_array().unwrap().iter().map(|key| (&key["kid"], &key["current"])).collect();
        assert_eq!(current.len(), 2);
        assert_eq!(current[0], (&first["kid"], &json!(false)));
        assert_eq!(current[1].1, &json!(true));
    })
    .await;
}

#[tokio::test]
async fn the_scope_to_read_alone_shows_no_personal_data() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let mail = "jo.doe@mailhost.example";
        server.admin("PATCH", "/customers/CUST-001").json(&json!({"email": mail})).send().await.expect(200);
        let body = json!({"license_key": license["key"], "product": "chorus", "fingerprint": "eu-1", "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let activation = active["activation"]["id"].as_str().unwrap().to_owned();
        server.world.clock.advance(kaching_base::Seconds::days(351));

        let paths = [
            "/customers".to_owned(),
            "/customers/CUST-001".to_owned(),
            "/customers?q=acme".to_owned(),
            "/activations".to_owned(),
            format!("/activations/{activation}"),
            "/licenses".to_owned(),
            format!("/licenses/{}", license["id"].as_str().unwrap()),
            "/reminders".to_owned(),
            "/audit?limit=200".to_owned(),
            "/products".to_owned(),
            "/stats".to_owned(),
            "/keys".to_owned(),
            "/doctor".to_owned(),
        ];
        for (scopes, sees) in [
            (json!(["read"]), false),
            (json!(["licenses:write", "customers:write", "catalogue:write", "licenses:key"]), false),
            (json!(["personal:read"]), true),
            (json!(["admin"]), true),
        ] {
            let body = json!({"name": "reports", "scopes": scopes});
            let token = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
            let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
            let call = |method, path: &str| {
                server.call(method, &format!("/v1/admin{path}")).header("authorization", &bearer)
            };
            let mut shown = String::new();
            for path in &paths {
                let answer = call("GET", path).send().await;
                shown += &answer.expect(200).to_string();
            }
            for personal in [mail, "203.0.113.10"] {
                assert_eq!(shown.contains(personal), sees, "{scopes} {personal}");
            }
            for path in ["/customers?q=mailhost", "/licenses?q=mailhost"] {
                let found = call("GET", path).send().await.expect(200)["items"].as_array().unwrap().len();
                assert_eq!(found, usize::from(sees), "{scopes} {path}");
            }
            // What is changed is answered as it is shown.
            if scopes[0] != "read" && scopes[0] != "personal:read" {
                let edited = call("PATCH", "/customers/CUST-001").json(&json!({"notes": scopes.to_string()})).send().await;
                assert_eq!(edited.expect(200)["email"], if sees { json!(mail) } else { Value::Null });
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_license_key_is_shown_only_with_the_right_to_see_keys() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let at = format!("/v1/admin/licenses/{}/rekey", license["id"].as_str().unwrap());
        let rekey = async |scopes: Value| {
            let body = json!({"name": "support", "scopes": scopes});
            let token = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
            let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
            server.call("POST", &at).header("authorization", &bearer).json(&json!({})).send().await
        };
        let refused = rekey(json!(["licenses:write"])).await.refused(403, "forbidden");
        assert!(refused["detail"].as_str().unwrap().contains("licenses:key"), "{refused}");
        rekey(json!(["licenses:key"])).await.refused(403, "forbidden");
        let path = format!("/licenses/{}/key", license["id"].as_str().unwrap());
        assert_eq!(
            server.admin("GET", &path).send().await.expect(200)["key"],
            license["key"],
            "nothing was changed"
        );
        let rekeyed = rekey(json!(["licenses:write", "licenses:key"])).await.expect(200);
        assert_ne!(rekeyed["key"], license["key"]);
    })
    .await;
}

#[tokio::test]
async fn a_token_creates_none_that_lasts_longer() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let body = json!({"name": "week", "scopes": ["admin"], "expires_at": "2026-11-29T00:00:00Z"});
        let made = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
        let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
        let call = |method, path: &str| {
            server.call(method, &format!("/v1/admin{path}")).header("authorization", &bearer)
        };
        call("POST", "/tokens").json(&body).send().await.expect(201);
        let lasting = json!({"name": "ever", "scopes": ["read"]});
        call("POST", "/tokens").json(&lasting).send().await.refused(403, "forbidden");
        let own = format!("/tokens/{}", made["id"].as_str().unwrap());
        call("PATCH", &own).json(&json!({"expires_at": null})).send().await.refused(403, "forbidden");
        call("PATCH", &own).json(&json!({"name": "seven days"})).send().await.expect(200);
        server.call("POST", "/v1/admin/tokens").peer(Peer::Local(0)).json(&lasting).send().await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_withdrawal_withdraws_one_key() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let kid = server.admin("GET", "/keys").send().await.expect(200)["items"][0]["kid"]
            .as_str()
            .unwrap()
            .to_owned();
        let at = format!("/keys/{kid}/withdraw");
        let withdraw = || server.admin("POST", &at).header("idempotency-key", "w-1").json(&json!({})).send();
        let first = withdraw().await;
        let again = withdraw().await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.body, first.body);
        let first = first.expect(200);
        assert_eq!(first["kid"], json!(kid));
        let keys = server.admin("GET", "/keys").send().await.expect(200);
        let listed: Vec<_> =
            keys["items"].as_array().unwrap().iter().map(|key| (&key["kid"], &key["current"])).collect();
        assert_eq!(listed, [(&first["successor"], &json!(true))]);
        server.admin("POST", &at).json(&json!({})).send().await.refused(404, "not_found");
        let audit =
            server.admin("GET", &format!("/audit?action=key.withdraw&target={kid}")).send().await.expect(200);
        assert_eq!(audit["items"][0]["change"]["successor"], first["successor"]);
    })
    .await;
}
