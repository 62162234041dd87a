//! Jobs for operators: listed, shown, and tried again.

use kaching_base::Seconds;
use kaching_testkit::World;
use serde_json::json;

use crate::test_server::TestServer;

#[tokio::test]
async fn a_dead_letter_is_shown_to_readers_and_retried_by_admins() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        assert_eq!(server.admin("GET", "/jobs").send().await.expect(200)["items"], json!([]));
        let apply = json!({"to": "all"});
        server.admin("POST", "/plans/chorus:team/apply").json(&apply).send().await.expect(200);
        let queued = server.admin("GET", "/jobs?state=queued").send().await.expect(200);
        assert_eq!(queued["items"][0]["kind"], "jobs.apply_plan");
        let path = format!("/jobs/{}", queued["items"][0]["id"].as_str().unwrap());

        server.world.damage_jobs().await;
        for _ in 0..20 {
            server.world.authority.run_jobs().await.unwrap();
            server.world.clock.advance(Seconds(3600));
        }
        let body = json!({"name": "reports", "scopes": ["read"]});
        let token = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
        let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
        let read = |method, path: &str| {
            server.call(method, &format!("/v1/admin{path}")).header("authorization", &bearer)
        };
        let dead = read("GET", "/jobs?state=dead&kind=jobs.apply_plan").send().await.expect(200);
        assert_eq!((&dead["items"][0]["attempts"], &dead["next"]), (&json!(20), &json!(null)));
        let shown = read("GET", &path).send().await.expect(200);
        assert_eq!(shown, dead["items"][0]);
        assert!(shown["last_error"].as_str().unwrap().contains("cannot be read"), "{shown}");
        assert!(shown["due_at"].is_null() && shown["finished_at"].is_string(), "{shown}");
        server.world.authority.measure().await.unwrap();
        let metrics = String::from_utf8(server.call("GET", "/metrics").send().await.bytes).unwrap();
        for line in [
            "kaching_jobs_dead 1",
            "kaching_jobs_died_total{kind=\"jobs.apply_plan\"} 1",
            "kaching_jobs_queued 0",
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
        }

        read("POST", &format!("{path}/retry")).send().await.refused(403, "forbidden");
        let retried = server.admin("POST", &format!("{path}/retry")).send().await.expect(200);
        assert_eq!((&retried["state"], &retried["attempts"]), (&json!("failing"), &json!(0)));
        server.admin("GET", "/jobs/job_01m81jhz4sewe84nq6ffy7jzvt").send().await.refused(404, "not_found");
        server.admin("GET", "/jobs?state=lost").send().await.refused(422, "invalid_request");
    })
    .await;
}
