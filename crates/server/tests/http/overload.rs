//! More than can be served: some are sent away in time, and clients are told to come less often.

use kaching_base::{Base64Url, Seconds};
use kaching_testkit::{Engine, World};
use serde_json::Value;

use crate::{face::Face, pace::install};

fn hb(answer: &Value) -> u64 {
    let payload = answer["lease"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&Base64Url::decode(payload.as_bytes()).unwrap()).unwrap();
    claims["hb"].as_u64().unwrap()
}

#[tokio::test]
async fn whoever_finds_no_place_is_told_when_to_come_again() {
    World::each(|world| async {
        let settings = "[limits]\nheartbeats_at_once = 1\nmost_waiting = 0\nactivation_per_second = 0";
        let face = Face::with(world, settings);
        face.seed().await;
        let license = face.license("enterprise").await;
        let mut one = install(&face, &license, "eu-1", 1).await;
        let mut other = install(&face, &license, "eu-2", 2).await;
        face.admin("GET", "/stats").send().await.expect(200);
        let held = face.world.hold().await;
        let shed = async {
            let mut waits = std::collections::BTreeSet::new();
            for _ in 0..40 {
                let shed = other.beat(&face).await;
                let wait: u64 = shed.header("retry-after").parse().unwrap();
                let problem = shed.refused(503, "overloaded");
                assert_eq!((problem.get("statement"), &problem["retry_after_s"]), (None, &wait.into()));
                assert!((1..=10).contains(&wait), "{wait}");
                waits.insert(wait);
            }
            assert!(waits.len() > 3, "they do not all come back at once: {waits:?}");
            // Others have places of their own.
            face.admin("GET", "/stats").send().await.expect(200);
            face.call("GET", "/health").send().await.expect(200);
            let text = String::from_utf8(face.call("GET", "/metrics").send().await.bytes).unwrap();
            assert!(text.contains("kaching_http_shed_total{class=\"heartbeats\"} 40\n"), "{text}");
            assert!(text.contains("kaching_http_shed_total{class=\"operators\"} 0\n"), "{text}");
            drop(held);
        };
        // The first is polled first, and has the only place until the database lets it go on.
        let (served, ()) = tokio::join!(biased; one.beat(&face), shed);
        served.expect(200);
        other.beat(&face).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn clients_come_less_often_where_too_many_come() {
    World::each(|world| async {
        let settings = "[limits]\nmax_heartbeats_per_second = 1\nactivation_per_second = 0";
        let face = Face::with(world, settings);
        let license = face.seed().await;
        let mut one = install(&face, &license, "eu-1", 1).await;
        for beat in 1..=20_u64 {
            let answer = one.beat(&face).await.expect(200);
            // Ten in ten seconds are as many as should come; half of the lease of 900 seconds is the most.
            assert_eq!(hb(&answer), (30 * beat).clamp(300, 450), "heartbeat {beat}");
        }
        let again = crate::pace::ask(&face, &license, "eu-1", 2).await.expect(200);
        assert_eq!(hb(&again), 450, "also with a new lease");
        let text = String::from_utf8(face.call("GET", "/metrics").send().await.bytes).unwrap();
        assert!(text.contains("kaching_http_heartbeat_stretch_ratio 1.5\n"), "{text}");
        let mut one = install(&face, &license, "eu-1", 3).await;
        face.world.clock.advance(Seconds(10));
        assert_eq!(hb(&one.beat(&face).await.expect(200)), 300);
    })
    .await;
}

#[tokio::test]
async fn those_sent_away_make_clients_come_less_often() {
    let settings = "[limits]\nheartbeats_at_once = 1\nmost_waiting = 0";
    let face = Face::with(World::on(Engine::Sqlite).await, settings);
    face.seed().await;
    let license = face.license("enterprise").await;
    let mut one = install(&face, &license, "eu-1", 1).await;
    let mut other = install(&face, &license, "eu-2", 2).await;
    let held = face.world.hold().await;
    let shed = async {
        other.beat(&face).await.refused(503, "overloaded");
        drop(held);
    };
    let (served, ()) = tokio::join!(biased; one.beat(&face), shed);
    assert_eq!(hb(&served.expect(200)), 450, "two came where one could be served");
    for beat in 2..=5_u64 {
        assert_eq!(
            hb(&one.beat(&face).await.expect(200)),
            (300 * ((beat + 1) * 1000 / beat) / 1000).min(450),
            "{beat}"
        );
    }
    face.world.clock.advance(Seconds(10));
    assert_eq!(hb(&one.beat(&face).await.expect(200)), 300);
}
