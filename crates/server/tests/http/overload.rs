//! Overload: some calls are refused in time, and clients are asked to send fewer heartbeats.

use kaching_base::{Base64Url, Seconds};
use kaching_testkit::{Engine, World};
use serde_json::Value;

use crate::{pace::install, test_server::TestServer};

fn hb(answer: &Value) -> u64 {
    let payload = answer["lease"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&Base64Url::decode(payload.as_bytes()).unwrap()).unwrap();
    claims["hb"].as_u64().unwrap()
}

#[tokio::test]
async fn a_shed_heartbeat_gets_a_time_to_retry() {
    World::each(|world| async {
        let settings = "[limits]\nheartbeats_at_once = 1\nmost_waiting = 0\nactivation_per_second = 0";
        let server = TestServer::with(world, settings);
        server.seed().await;
        let license = server.license("enterprise").await;
        let mut one = install(&server, &license, "eu-1", 1).await;
        let mut other = install(&server, &license, "eu-2", 2).await;
        server.admin("GET", "/stats").send().await.expect(200);
        let held = server.world.hold().await;
        let shed = async {
            let mut waits = std::collections::BTreeSet::new();
            for _ in 0..40 {
                let shed = other.beat(&server).await;
                let wait: u64 = shed.header("retry-after").parse().unwrap();
                let problem = shed.refused(503, "overloaded");
                assert_eq!((problem.get("statement"), &problem["retry_after_s"]), (None, &wait.into()));
                assert!((1..=10).contains(&wait), "{wait}");
                waits.insert(wait);
            }
            assert!(waits.len() > 3, "they do not all come back together: {waits:?}");
            // Others have places of their own.
            server.admin("GET", "/stats").send().await.expect(200);
            server.call("GET", "/health").send().await.expect(200);
            let text = String::from_utf8(server.call("GET", "/metrics").send().await.bytes).unwrap();
            assert!(text.contains("kaching_http_shed_total{class=\"heartbeats\"} 40\n"), "{text}");
            assert!(text.contains("kaching_http_shed_total{class=\"operators\"} 0\n"), "{text}");
            drop(held);
        };
        // The first is polled first, and has the only place until the database lets it go on.
        let (served, ()) = tokio::join!(biased; one.beat(&server), shed);
        served.expect(200);
        other.beat(&server).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn clients_are_asked_to_send_fewer_heartbeats_under_load() {
    World::each(|world| async {
        let settings = "[limits]\nmax_heartbeats_per_second = 1\nactivation_per_second = 0";
        let server = TestServer::with(world, settings);
        let license = server.seed().await;
        let mut one = install(&server, &license, "eu-1", 1).await;
        for beat in 1..=20_u64 {
            let answer = one.beat(&server).await.expect(200);
            // Ten in ten seconds are as many as should come; half of the lease of 900 seconds is the most.
            assert_eq!(hb(&answer), (30 * beat).clamp(300, 450), "heartbeat {beat}");
        }
        let again = crate::pace::ask(&server, &license, "eu-1", 2).await.expect(200);
        assert_eq!(hb(&again), 450, "also with a new lease");
        let text = String::from_utf8(server.call("GET", "/metrics").send().await.bytes).unwrap();
        assert!(text.contains("kaching_http_heartbeat_stretch_ratio 1.5\n"), "{text}");
        let mut one = install(&server, &license, "eu-1", 3).await;
        server.world.clock.advance(Seconds(10));
        assert_eq!(hb(&one.beat(&server).await.expect(200)), 300);
    })
    .await;
}

#[tokio::test]
async fn shed_calls_make_clients_call_less_often() {
    let settings = "[limits]\nheartbeats_at_once = 1\nmost_waiting = 0";
    let server = TestServer::with(World::on(Engine::Sqlite).await, settings);
    server.seed().await;
    let license = server.license("enterprise").await;
    let mut one = install(&server, &license, "eu-1", 1).await;
    let mut other = install(&server, &license, "eu-2", 2).await;
    let held = server.world.hold().await;
    let shed = async {
        other.beat(&server).await.refused(503, "overloaded");
        drop(held);
    };
    let (served, ()) = tokio::join!(biased; one.beat(&server), shed);
    assert_eq!(hb(&served.expect(200)), 450, "two came where one could be served");
    for beat in 2..=5_u64 {
        assert_eq!(
            hb(&one.beat(&server).await.expect(200)),
            (300 * ((beat + 1) * 1000 / beat) / 1000).min(450),
            "{beat}"
        );
    }
    server.world.clock.advance(Seconds(10));
    assert_eq!(hb(&one.beat(&server).await.expect(200)), 300);
}
