//! Terms and dates as people mean them, on both engines.

use kaching_testkit::World;
use serde_json::{Value, json};

use crate::test_server::TestServer;

/// The reason why a member is refused.
fn reason(answer: crate::test_server::Answer, pointer: &str) -> String {
    let problem = answer.refused(422, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_term_is_given_by_the_calendar_or_in_days() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let plan = json!({"product": "chorus", "code": "yearly", "name": "Yearly", "term": "1y"});
        let made = server.admin("POST", "/plans").json(&plan).send().await.expect(201);
        assert_eq!(
            (&made["term"], &made["term_days"], &made["type"]),
            (&json!("1y"), &Value::Null, &json!("standard"))
        );
        let edit = async |body: Value| server.admin("PATCH", "/plans/chorus:yearly").json(&body).send().await;
        let edited = edit(json!({"term_days": 30})).await.expect(200);
        assert_eq!((&edited["term"], &edited["term_days"]), (&json!("30d"), &json!(30)));
        assert!(reason(edit(json!({"term_days": -5})).await, "/term_days").contains("1 to 36500"));
        reason(edit(json!({"term_days": 30, "term": "1m"})).await, "/term");
        assert!(reason(edit(json!({"term": "1x"})).await, "/term").contains("1y, 6m"));
        assert_eq!(edit(json!({"term": "1m"})).await.expect(200)["term"], "1m");

        let license =
            json!({"customer": "CUST-001", "product": "chorus", "plan": "yearly", "starts_at": "2026-11-30"});
        let license = server.admin("POST", "/licenses").json(&license).send().await.expect(201);
        assert_eq!(license["expires_at"], "2026-12-30T00:00:00Z");
        let path = format!("/licenses/{}/renew", license["id"].as_str().unwrap());
        let renew = async |body: Value| server.admin("POST", &path).json(&body).send().await;
        for (body, end) in [
            (json!({}), "2027-01-30T00:00:00Z"),
            (json!({}), "2027-02-28T00:00:00Z"),
            (json!({"term": "1y"}), "2028-02-29T00:00:00Z"),
            (json!({"term": "1m"}), "2028-03-30T00:00:00Z"),
            (json!({"days": 2}), "2028-04-01T00:00:00Z"),
        ] {
            assert_eq!(renew(body).await.expect(200)["expires_at"], end);
        }
        reason(renew(json!({"days": 2, "term": "1m"})).await, "/term");
        reason(renew(json!({"expires_at": "2029-01-01", "term": "1m"})).await, "/expires_at");
        reason(renew(json!({"days": 0})).await, "/days");
    })
    .await;
}

#[tokio::test]
async fn an_end_includes_its_day_and_an_invalid_day_gets_a_reason() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let id = license["id"].as_str().unwrap();
        let body = |end: &str| json!({"expires_at": end});
        let edit =
            async |end: &str| server.admin("PATCH", &format!("/licenses/{id}")).json(&body(end)).send().await;
        assert_eq!(edit("2027-12-31").await.expect(200)["expires_at"], "2028-01-01T00:00:00Z");
        assert_eq!(edit("2027-12-31T08:00:00Z").await.expect(200)["expires_at"], "2027-12-31T08:00:00Z");
        let status = server.admin("GET", &format!("/licenses/{id}")).send().await.expect(200);
        assert_eq!(status["expires_at"], "2027-12-31T08:00:00Z");
        for (end, why) in [
            ("9999-12-31", "no end"),
            ("2027-02-29", "2027-02, which has 28 days"),
            ("2027-04-31", "there is no day 31"),
            ("soon", "a day like 2027-01-31"),
        ] {
            let why_not = reason(edit(end).await, "/expires_at");
            assert!(why_not.contains(why), "{why_not}");
        }
        let path = format!("/licenses/{id}/renew");
        let renewed = server.admin("POST", &path).json(&body("2028-02-29")).send().await.expect(200);
        assert_eq!(renewed["expires_at"], "2028-03-01T00:00:00Z");
        let token = json!({"name": "CI", "scopes": ["read"], "expires_at": "2027-12-31"});
        let token = server.admin("POST", "/tokens").json(&token).send().await.expect(201);
        assert_eq!(token["expires_at"], "2028-01-01T00:00:00Z");
    })
    .await;
}
