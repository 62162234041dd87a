//! The filters of the lists of activations and audit entries.

use kaching_testkit::World;
use serde_json::{Value, json};

use crate::{
    product::{N1, N2, activation, heartbeat},
    test_server::TestServer,
};

/// The number of items, each of which has this value behind the pointer.
fn count(page: &Value, pointer: &str, value: &Value) -> usize {
    let items = page["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item.pointer(pointer) == Some(value)), "{page:#}");
    items.len()
}

#[tokio::test]
async fn activations_are_found_by_what_they_report() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        assert_eq!(license["used_slots"], 0);
        let active = server.call("POST", "/v1/activate").json(&activation(&license, "eu-1", N1)).send().await;
        let active = active.expect(201);
        assert_eq!(active["activation"].get("health"), None, "it is for operators");
        let id = &active["activation"]["id"];
        let mut beat = heartbeat("eu-1", N2);
        beat["health"] = json!({"status": "degraded", "detail": "queue is full"});
        let credential = active["credential"].as_str().unwrap();
        server.call("POST", "/v1/heartbeat").json(&beat).signed(credential, 1).send().await.expect(200);

        let shown =
            server.admin("GET", &format!("/activations/{}", id.as_str().unwrap())).send().await.expect(200);
        let health = &shown["health"];
        assert_eq!((&health["status"], &health["detail"]), (&json!("degraded"), &json!("queue is full")));
        assert_eq!(health["since"], shown["last_seen_at"]);
        let address = shown["address"].as_str().unwrap().to_owned();
        for (query, found) in [
            ("customer=CUST-001".to_owned(), 1),
            ("product=chorus&kind=cluster".to_owned(), 1),
            ("version=2.4.1".to_owned(), 1),
            ("version=2.4".to_owned(), 0),
            ("health=degraded".to_owned(), 1),
            ("health=down".to_owned(), 0),
            (format!("address={address}"), 1),
            ("address=2001:db8::7".to_owned(), 0),
            (format!("health=degraded&customer=CUST-001&address={address}&status=active"), 1),
        ] {
            let page = server.admin("GET", &format!("/activations?{query}")).send().await.expect(200);
            assert_eq!(count(&page, "/id", id), found, "{query}");
        }
        for (query, pointer) in [("address=somewhere", "/address"), ("health=ill", "/health")] {
            let refused = server.admin("GET", &format!("/activations?{query}")).send().await;
            assert_eq!(refused.refused(422, "invalid_request")["errors"][0]["pointer"], pointer);
        }
        server.admin("GET", "/activations?customer=CUST-9").send().await.refused(404, "not_found");
        let licenses = server.admin("GET", "/licenses").send().await.expect(200);
        assert_eq!(count(&licenses, "/used_slots", &json!(1)), 1);

        let body = json!({"name": "reports", "scopes": ["read"]});
        let token = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
        let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
        let by_address = format!("/v1/admin/activations?address={address}");
        let refused = server.call("GET", &by_address).header("authorization", &bearer).send().await;
        let refused = refused.refused(403, "forbidden");
        assert!(refused["detail"].as_str().unwrap().contains("personal:read"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn audit_entries_are_found_by_actor_time_and_owner() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let id = license["id"].as_str().unwrap();
        server.world.clock.advance(kaching_base::Seconds::days(1));
        let active = server.call("POST", "/v1/activate").json(&activation(&license, "eu-1", N1)).send().await;
        let active = active.expect(201)["activation"]["id"].clone();
        let list =
            async |query: &str| server.admin("GET", &format!("/audit?{query}")).send().await.expect(200);

        assert_eq!(count(&list("actor=client").await, "/target", &active), 1);
        assert_eq!(count(&list("actor=local:0").await, "/target", &active), 0);
        let history = list(&format!("license={id}")).await;
        let actions: Vec<_> = history["items"].as_array().unwrap().iter().map(|one| &one["action"]).collect();
        assert_eq!(actions, ["activation.activate", "license.create"]);
        let of_customer = list("customer=CUST-001").await;
        assert_eq!(of_customer["items"].as_array().unwrap().len(), 3, "{of_customer:#}");
        let at = history["items"][0]["at"].as_str().unwrap();
        let (day, before) = (&at[..10], history["items"][1]["at"].as_str().unwrap());
        assert_eq!(count(&list(&format!("since={day}")).await, "/target", &active), 1);
        assert_eq!(count(&list(&format!("since={at}&until={day}")).await, "/target", &active), 1);
        assert_eq!(count(&list(&format!("since={at}&until={at}")).await, "/target", &active), 0);
        assert_eq!(
            list(&format!("license={id}&until={}", &before[..10])).await["items"],
            json!([history["items"][1]])
        );

        for (query, pointer) in
            [("actor=root", "/actor"), ("since=today", "/since"), ("license=x", "/license")]
        {
            let refused = server.admin("GET", &format!("/audit?{query}")).send().await;
            assert_eq!(refused.refused(422, "invalid_request")["errors"][0]["pointer"], pointer);
        }
        server.admin("GET", "/audit?customer=CUST-9").send().await.refused(404, "not_found");
        server
            .admin("GET", "/audit?license=lic_01m81jhz4sewe84nq6ffy7jzvt")
            .send()
            .await
            .refused(404, "not_found");
    })
    .await;
}
