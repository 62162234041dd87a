//! Batches of licenses.

use kaching_testkit::World;
use serde_json::{Value, json};

use crate::test_server::TestServer;

#[tokio::test]
async fn a_batch_is_answered_with_its_keys_and_replayed_with_them() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let license = json!({"customer": "CUST-001", "product": "chorus", "plan": "team"});
        let body = json!({"count": 60, "license": license});
        let create = || {
            let call = server.admin("POST", "/licenses/batch").header("idempotency-key", "fair");
            call.json(&body).send()
        };
        let made = create().await.expect(201);
        assert_eq!(create().await.expect(201), made, "the keys are remembered");
        let (tag, items) = (made["tags"][0].as_str().unwrap(), made["items"].as_array().unwrap());
        assert_eq!(items.len(), 60);
        let found = server.admin("GET", &format!("/licenses?limit=200&tag={tag}")).send().await.expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 60);
        let key = server.admin("GET", &format!("/licenses/{}/key", items[59]["id"].as_str().unwrap()));
        assert_eq!(key.send().await.expect(200)["key"], items[59]["key"]);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_member_of_a_batch_is_named_by_its_place() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let base = || json!({"customer": "CUST-001", "product": "chorus", "plan": "team"});
        let with = |more: Value| {
            let mut license = base();
            license.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"count": 2, "license": license})
        };
        for (body, pointer) in [
            (json!({"count": 0, "license": base()}), "/count"),
            (json!({"count": 10_001, "license": base()}), "/count"),
            (with(json!({"expires_at": "2020-01-01"})), "/license/expires_at"),
            (with(json!({"features": ["nothing"]})), "/license/features"),
            (with(json!({"days": 0})), "/license/days"),
            (with(json!({"days": 3, "term": "1m"})), "/license/term"),
            (with(json!({"start": "first-activation", "starts_at": "2030-01-01"})), "/license/start"),
            (with(json!({"colour": "red"})), "/license/colour"),
        ] {
            let call = server.admin("POST", "/licenses/batch").json(&body);
            let problem = call.send_unchecked().await.refused(422, "invalid_request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
        }
        assert_eq!(server.admin("GET", "/stats").send().await.expect(200)["total"], 1);
    })
    .await;
}
