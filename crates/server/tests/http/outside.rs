//! The metrics of the authority: each event is counted.

use kaching_base::Seconds;
use kaching_testkit::{Engine, World};

use crate::{pace::install, test_server::TestServer};

/// The value of a series, with its labels.
async fn value(server: &TestServer, series: &str) -> f64 {
    let answer = server.call("GET", "/metrics").send().await;
    let text = String::from_utf8(answer.bytes).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{series} is missing:\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn availability_counts_refusals_as_answers_and_failures_as_failures() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let license = server.seed().await;
        let mut one = install(&server, &license, "eu-1", 1).await;
        assert_eq!(one.beat(&server).await.status, 200);
        let id = license["id"].as_str().unwrap();
        let suspend = server.admin("POST", &format!("/licenses/{id}/suspend"));
        suspend.json(&serde_json::json!({"reason": "unpaid"})).send().await.expect(200);
        assert_eq!(one.beat(&server).await.status, 403);
        // A clock that was set back signs nothing.
        server.world.clock.advance(Seconds(3600));
        server.world.authority.store_time().await.unwrap();
        server.world.clock.jump(Seconds(-1800));
        assert_eq!(one.beat(&server).await.status, 503);
        server.world.authority.measure().await.unwrap_err();
        assert_eq!(value(&server, "kaching_clock_trusted").await, 0.0);
        assert_eq!(value(&server, "kaching_ready").await, 0.0);
        assert_eq!(value(&server, "kaching_database_up").await, 1.0, "the database has no part in it");

        for (series, counted) in [
            ("kaching_heartbeats_total{outcome=\"granted\"}", 1.0),
            ("kaching_heartbeats_total{outcome=\"refused\"}", 1.0),
            ("kaching_heartbeats_total{outcome=\"failed\"}", 1.0),
            ("kaching_product_calls_total{outcome=\"good\"}", 3.0),
            ("kaching_product_calls_total{outcome=\"late\"}", 0.0),
            ("kaching_product_calls_total{outcome=\"failed\"}", 1.0),
            ("kaching_statements_signed_total{statement=\"lease\",algorithm=\"EdDSA\"}", 2.0),
            ("kaching_statements_signed_total{statement=\"refusal\",algorithm=\"EdDSA\"}", 1.0),
            ("kaching_refusals_total{code=\"license_suspended\"}", 1.0),
            ("kaching_refusals_total{code=\"license_expired\"}", 0.0),
            ("kaching_signing_seconds_count{algorithm=\"EdDSA\"}", 3.0),
            ("kaching_signing_seconds_count{algorithm=\"RS256\"}", 0.0),
            ("kaching_db_batch_waiting{name=\"activations.heartbeats\"}", 0.0),
            ("kaching_db_batch_inputs_count{name=\"activations.heartbeats\"}", 2.0),
        ] {
            assert_eq!(value(&server, series).await, counted, "{series}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_uses_all_of_its_places_is_limited_without_a_failure_of_the_authority() {
    World::each(|world| async {
        let settings = "[limits]\nchanges_burst = 100000\naddress_changes_burst = 100000";
        let server = TestServer::with(world, settings);
        let license = server.seed().await;
        let body = serde_json::json!({"license_key": license["key"], "product": "chorus", "fingerprint": "f",
            "kind": "cluster", "nonce": "0123456789abcdef"});
        let active = server.call("POST", "/v1/activate").json(&body).send().await.expect(201);
        let bearer = format!("Bearer {}", active["lease"].as_str().unwrap());
        let ask = |path: &str| server.call("GET", path).header("authorization", &bearer);
        let waits = async {
            let wait = || ask("/v1/changes?rev=9&wait=55").send();
            tokio::join!(wait(), wait(), wait())
        };
        let streams = async {
            for _ in 0..200 {
                let answer = ask("/v1/events").send().await;
                assert_eq!(answer.header("retry-after"), "10");
                answer.refused(429, "rate_limited");
            }
        };
        tokio::select! {
            // The waits begin first, and take longer.
            biased;
            _ = waits => panic!("the waits wait"),
            () = streams => {}
        }
        assert_eq!(value(&server, "kaching_product_calls_total{outcome=\"failed\"}").await, 0.0);
        assert_eq!(value(&server, "kaching_http_rate_limited_total{limit=\"changes\"}").await, 200.0);
    })
    .await;
}

#[tokio::test]
async fn metrics_of_keys_database_and_jobs_show_the_last_reading() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let now = server.world.authority.now().seconds() as f64;
        assert_eq!(value(&server, "kaching_ready").await, 0.0, "nobody has looked yet");
        server.world.authority.measure().await.unwrap();
        assert_eq!(value(&server, "kaching_ready").await, 1.0);
        assert_eq!(value(&server, "kaching_database_up").await, 1.0);
        assert_eq!(value(&server, "kaching_clock_trusted").await, 1.0);
        assert!(value(&server, "kaching_database_size_bytes").await > 4096.0);
        let free = value(&server, "kaching_database_disk_free_bytes").await;
        let size = value(&server, "kaching_database_disk_size_bytes").await;
        match server.world.engine {
            Engine::Sqlite => assert!(0.0 < free && free < size, "{free} of {size}"),
            Engine::Postgres => assert_eq!((free, size), (0.0, 0.0)),
        }
        assert_eq!(value(&server, "kaching_keyset_end_seconds").await, now + 30.0 * 86_400.0);
        let key = "kaching_signing_key_end_seconds{purpose=\"lease\",algorithm=\"EdDSA\"}";
        assert_eq!(value(&server, key).await, now - 60.0 + 730.0 * 86_400.0);
        assert_eq!(value(&server, "kaching_epoch").await, 1.0);
        assert!(value(&server, "kaching_schema_version").await >= 4.0);
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(value(&server, &format!("kaching_build_info{{version=\"{version}\"}}")).await, 1.0);

        let license = server.seed().await;
        let apply = serde_json::json!({"to": [license["id"]]});
        server.admin("POST", "/plans/chorus:team/apply").json(&apply).send().await.expect(200);
        server.world.clock.advance(Seconds(90));
        server.world.authority.measure().await.unwrap();
        assert_eq!(value(&server, "kaching_jobs_queued").await, 1.0);
        assert_eq!(value(&server, "kaching_jobs_overdue_seconds").await, 90.0);
        assert_eq!(value(&server, "kaching_jobs_failing").await, 0.0);
        server.world.authority.run_jobs().await.unwrap();
        server.world.authority.measure().await.unwrap();
        assert_eq!(value(&server, "kaching_jobs_queued").await, 0.0);
        assert_eq!(value(&server, "kaching_jobs_overdue_seconds").await, 0.0);

        server.world.authority.close().await;
        server.world.authority.measure().await.unwrap_err();
        assert_eq!(value(&server, "kaching_ready").await, 0.0);
        assert_eq!(value(&server, "kaching_database_up").await, 0.0, "and the answer waits for no database");
    })
    .await;
}

#[tokio::test]
async fn licenses_that_end_without_a_renewal_are_counted() {
    World::each(|world| async {
        let server = TestServer::of(world);
        // It ends in a year.
        server.seed().await;
        let make = async |body: serde_json::Value| {
            let mut whole = serde_json::json!({"customer": "CUST-001", "product": "chorus", "plan": "team"});
            whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            server.admin("POST", "/licenses").json(&whole).send().await.expect(201)
        };
        let soon = make(serde_json::json!({"days": 30})).await;
        make(serde_json::json!({"days": 31})).await;
        make(serde_json::json!({"days": 10, "type": "trial"})).await;
        make(serde_json::json!({"type": "perpetual"})).await;
        let suspended = make(serde_json::json!({"days": 10})).await;
        let suspend =
            server.admin("POST", &format!("/licenses/{}/suspend", suspended["id"].as_str().unwrap()));
        suspend.json(&serde_json::json!({"reason": "unpaid"})).send().await.expect(200);
        let counted = async || {
            server.world.authority.count_ending().await.unwrap();
            let active = value(&server, "kaching_licenses_ending{state=\"active\"}").await;
            (active, value(&server, "kaching_licenses_ending{state=\"in_grace\"}").await)
        };
        assert_eq!(counted().await, (1.0, 0.0));

        server.world.clock.advance(Seconds::days(2));
        assert_eq!(counted().await, (2.0, 0.0));
        let id = soon["id"].as_str().unwrap();
        server
            .admin("POST", &format!("/licenses/{id}/renew"))
            .json(&serde_json::json!({}))
            .send()
            .await
            .expect(200);
        assert_eq!(counted().await, (1.0, 0.0), "a renewal moves the end");

        server.world.clock.advance(Seconds::days(30));
        assert_eq!(counted().await, (0.0, 1.0), "the other one has ended, and is in its grace");
        server.world.clock.advance(Seconds::days(60));
        assert_eq!(counted().await, (0.0, 0.0), "and then it is lost");
    })
    .await;
}
