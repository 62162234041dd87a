//! Changes that take something away say so, or are refused: renewals, plans that are applied, what is archived.

use kaching_testkit::World;
use serde_json::{Value, json};

use crate::{
    pace::install,
    test_server::{Answer, Call, TestServer},
};

/// `enterprise` loses its feature and two of its three slots, and gets a limit; the license has two installations.
async fn reduced(server: &TestServer) -> (Value, String) {
    server.seed().await;
    let license = server.license("enterprise").await;
    install(server, &license, "eu-1", 1).await;
    install(server, &license, "eu-2", 2).await;
    let edit = json!({"features": {"remove": ["federation"]},
        "limits": {"activations": {"kind": "slots", "max": 1}, "jobs": {"kind": "counter", "max": 9, "per": "day"}}});
    server.admin("PATCH", "/plans/chorus:enterprise").json(&edit).send().await.expect(200);
    let at = format!("/licenses/{}", license["id"].as_str().unwrap());
    (license, at)
}

fn change() -> Value {
    json!({
        "features": {"added": [], "removed": ["federation"]},
        "limits": {
            "added": {"jobs": {"kind": "counter", "max": 9, "per": "day", "anchor": "utc", "overage": "hard"}},
            "removed": {},
            "changed": {"activations": {"from": {"kind": "slots", "max": 3}, "to": {"kind": "slots", "max": 1}}},
        },
        "lease_policy": [],
    })
}

/// The one entry of an action that ended so.
async fn entry(server: &TestServer, target: &Value, action: &str, outcome: &str) -> Value {
    let path = format!("/audit?target={}&action={action}", target.as_str().unwrap());
    let entries = server.admin("GET", &path).send().await.expect(200);
    let found = entries["items"].as_array().unwrap().iter().find(|entry| entry["outcome"] == outcome);
    found.unwrap_or_else(|| panic!("{entries:#}")).clone()
}

#[tokio::test]
async fn a_renewal_names_its_reductions_and_stays_above_present_use() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let (license, at) = reduced(&server).await;
        let renew = |body: Value| server.admin("POST", &format!("{at}/renew")).json(&body).send();
        let refused = renew(json!({})).await.refused(409, "below_present_use");
        assert!(refused["detail"].as_str().unwrap().contains("activations from 2 to 1"), "{refused}");
        assert_eq!(server.admin("GET", &at).send().await.expect(200)["features"], json!(["federation"]));

        let renewed = renew(json!({"force": true})).await.expect(200);
        assert_eq!(renewed["changed"]["features"], change()["features"], "{renewed:#}");
        assert_eq!(renewed["changed"]["limits"]["changed"], change()["limits"]["changed"]);
        assert_eq!(renewed["changed"]["limits"]["added"]["jobs"]["max"], 9);
        let entry = entry(&server, &license["id"], "license.renew", "ok").await;
        assert_eq!(entry["change"]["terms"], renewed["changed"], "{entry:#}");
        // Once more, nothing is taken away any longer.
        let again = renew(json!({"days": 10})).await.expect(200);
        assert!(again.get("changed").is_none());
    })
    .await;
}

#[tokio::test]
async fn a_renewal_never_ends_a_license_earlier() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let at = format!("/licenses/{}", license["id"].as_str().unwrap());
        let renew = |body: Value| server.admin("POST", &format!("{at}/renew")).json(&body).send();
        let refused =
            renew(json!({"expires_at": "2027-01-01T00:00:00Z"})).await.refused(422, "invalid_request");
        assert_eq!(refused["errors"][0]["pointer"], "/expires_at");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("2027-11-21 UTC") && detail.contains("edit it"), "{detail}");
        let edit = json!({"expires_at": "2027-01-01T00:00:00Z"});
        server.admin("PATCH", &at).json(&edit).send().await.expect(200);
        renew(json!({"expires_at": "2027-01-01T00:00:00Z"})).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_second_of_two_renewals_of_one_license_is_refused_with_the_new_end() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let at = format!("/licenses/{}", license["id"].as_str().unwrap());
        let etag = server.admin("GET", &at).send().await.header("etag").to_owned();
        let renew = |key: &str| -> Call<'_> {
            let call = server.admin("POST", &format!("{at}/renew")).header("if-match", &etag);
            call.header("idempotency-key", key).json(&json!({}))
        };
        let (one, two) = tokio::join!(renew("a").send(), renew("b").send());
        let (done, refused): (Vec<Answer>, Vec<Answer>) =
            [one, two].into_iter().partition(|answer| answer.status == 200);
        assert_eq!((done.len(), refused.len()), (1, 1));
        let end = done[0].body["expires_at"].as_str().unwrap();
        let detail = refused[0].body["detail"].as_str().unwrap();
        assert!(detail.contains(end), "{detail}");
        assert_eq!(server.admin("GET", &at).send().await.expect(200)["expires_at"], end);
        // The one that was done may be asked for again: its answer was perhaps lost.
        let statuses = [renew("a").send().await.status, renew("b").send().await.status];
        assert!(statuses == [200, 412] || statuses == [412, 200], "{statuses:?}");
        assert_eq!(server.admin("GET", &at).send().await.expect(200)["expires_at"], end);
    })
    .await;
}

#[tokio::test]
async fn applying_a_plan_names_its_reductions_and_stays_above_present_use() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let (license, at) = reduced(&server).await;
        server.license("enterprise").await;
        let edit = json!({"limits": {"nodes": {"kind": "level", "max": 5}}});
        server.admin("PATCH", "/plans/chorus:enterprise").json(&edit).send().await.expect(200);
        let apply = |body: Value| server.admin("POST", "/plans/chorus:enterprise/apply").json(&body).send();
        let jobs = async || server.world.authority.run_jobs().await.unwrap();
        let features = async || server.admin("GET", &at).send().await.expect(200)["features"].clone();

        let refused = apply(json!({"to": "all"})).await.refused(409, "below_present_use");
        assert!(refused["detail"].as_str().unwrap().contains(license["id"].as_str().unwrap()), "{refused}");
        apply(json!({"to": [license["id"]]})).await.refused(409, "below_present_use");
        assert_eq!(jobs().await, 0, "nothing was begun");

        // Each renewal compares for itself, so nothing is refused before.
        let renewing = apply(json!({"to": "renewing"})).await.expect(200);
        assert_eq!(renewing["changes"][0]["terms"]["features"], change()["features"]);

        // Entries of one millisecond have no order.
        server.world.clock.advance(kaching_base::Seconds(1));
        let forced = apply(json!({"to": "all", "force": true})).await.expect(200);
        assert_eq!(forced["licenses"], 2);
        let changes = forced["changes"].as_array().unwrap();
        assert_eq!(changes.iter().map(|change| change["licenses"].as_u64().unwrap()).sum::<u64>(), 2);
        assert!(
            changes.iter().all(|change| change["terms"]["features"]["removed"] == json!(["federation"])
                || change["terms"]["limits"]["added"].get("nodes").is_some()),
            "{changes:#?}"
        );
        let plan = server.admin("GET", "/plans/chorus:enterprise").send().await.expect(200);
        let recorded = entry(&server, &plan["id"], "plan.apply", "ok").await;
        assert_eq!(recorded["change"]["changes"], forced["changes"], "{recorded:#}");
        jobs().await;
        assert_eq!(features().await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_license_whose_use_grows_before_its_turn_is_left_as_it_is() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let license = server.license("enterprise").await;
        let edit = json!({"limits": {"activations": {"kind": "slots", "max": 1}}});
        server.admin("PATCH", "/plans/chorus:enterprise").json(&edit).send().await.expect(200);
        server
            .admin("POST", "/plans/chorus:enterprise/apply")
            .json(&json!({"to": "all"}))
            .send()
            .await
            .expect(200);
        // Between the answer and the job, two installations start.
        install(&server, &license, "eu-1", 1).await;
        install(&server, &license, "eu-2", 2).await;
        server.world.authority.run_jobs().await.unwrap();
        let at = format!("/licenses/{}", license["id"].as_str().unwrap());
        let shown = server.admin("GET", &at).send().await.expect(200);
        assert_eq!(shown["limits"]["activations"]["max"], 3);
        let entry = entry(&server, &license["id"], "license.apply_plan", "refused").await;
        assert_eq!((&entry["outcome"], &entry["code"]), (&json!("refused"), &json!("below_present_use")));
    })
    .await;
}

#[tokio::test]
async fn a_plan_in_use_is_archived_only_by_force() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let lic = format!("/licenses/{}", license["id"].as_str().unwrap());
        let body = json!({"features": {"add": ["federation"]}});
        server.admin("PATCH", "/plans/chorus:team").json(&body).send().await.expect(200);
        let nouns = [
            ("/customers/CUST-001", "1 license"),
            ("/plans/chorus:team", "1 license"),
            ("/products/chorus", "1 license"),
            ("/features/chorus:federation", "team"),
        ];
        for (at, named) in nouns {
            let refused = server.admin("DELETE", at).send().await.refused(409, "wrong_state");
            assert!(refused["detail"].as_str().unwrap().contains(named), "{refused}");
            server.admin("DELETE", &format!("{at}?force=maybe")).send().await.refused(422, "invalid_request");
        }
        // Suspended ones may run again.
        let reason = json!({"reason": "unpaid"});
        server.admin("POST", &format!("{lic}/suspend")).json(&reason).send().await.expect(200);
        server.admin("DELETE", "/customers/CUST-001").send().await.refused(409, "wrong_state");
        for (at, _) in nouns {
            let archived = server.admin("DELETE", &format!("{at}?force=true")).send().await.expect(200);
            // What is archived already stays so, without a word more.
            assert_eq!(server.admin("DELETE", at).send().await.expect(200), archived, "{at}");
        }
        let made = [
            ("/customers", json!({"name": "Other", "reference": "CUST-001"})),
            ("/products", json!({"name": "Other", "code": "chorus"})),
        ];
        for (path, body) in made {
            let refused = server.admin("POST", path).json(&body).send().await.refused(409, "already_exists");
            assert!(refused["detail"].as_str().unwrap().contains("archived"), "{refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_ended_or_revoked_license_does_not_prevent_archiving() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let confirm = json!({"confirm": license["id"]});
        let at = format!("/licenses/{}/revoke", license["id"].as_str().unwrap());
        server.admin("POST", &at).json(&confirm).send().await.expect(200);
        let ending = server.license("enterprise").await;
        server.admin("DELETE", "/plans/chorus:team").send().await.expect(200);
        server.world.clock.advance(kaching_base::Seconds::days(365 + 13));
        server.admin("DELETE", "/customers/CUST-001").send().await.refused(409, "wrong_state");
        server.world.clock.advance(kaching_base::Seconds::days(1));
        server.admin("DELETE", "/customers/CUST-001").send().await.expect(200);
        let code = json!({"product": "chorus", "code": "team", "name": "Team", "term_days": 1});
        let refused = server.admin("POST", "/plans").json(&code).send().await.refused(409, "already_exists");
        assert!(refused["detail"].as_str().unwrap().contains("archived"), "{refused}");
        assert!(ending["archived_at"].is_null());
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_changed_by_its_members() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let edit =
            |body: Value| server.admin("PATCH", "/products/chorus").json(&json!({"contact": body})).send();
        let edited = edit(json!({"email": "sales@example.com"})).await.expect(200);
        let both = json!({"url": "https://example.com/buy", "email": "sales@example.com"});
        assert_eq!(edited["contact"], both);
        let edited = edit(json!({"url": null})).await.expect(200);
        assert_eq!(edited["contact"], json!({"url": null, "email": "sales@example.com"}));
        let edited = edit(Value::Null).await.expect(200);
        assert_eq!(edited["contact"], json!({"url": null, "email": null}));
    })
    .await;
}
