//! What one license may have stored in a day, whatever holds its key.

use kaching_authority::{
    Actor, AuditFilter, Authority, Cx, List,
    activations::{Heartbeat, Usage},
    reports::{Report, ReportKind, Reported},
};
use kaching_base::{Seconds, Timestamp};
use kaching_testkit::World;
use serde_json::Value;

use super::setting::{Installation, Site};

const DAY: Seconds = Seconds(86_400);

async fn report(authority: &Authority, home: &mut Installation) -> Reported {
    let nonce = home.draw();
    send(
        authority,
        home,
        Report {
            proof: home.prove(0, &nonce),
            nonce,
            kind: ReportKind::Compliance,
            detail: "x".repeat(8192),
            at: Timestamp::from_seconds(0),
        },
    )
    .await
}

async fn send(authority: &Authority, _: &Installation, report: Report) -> Reported {
    authority.report(Cx::of(Actor::Client), report).await.unwrap()
}

/// How many entries of an action there are, and the newest of them.
async fn told(world: &World, action: &str) -> (usize, Option<Value>) {
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let mut list = List { limit: Some(200), filter, ..List::default() };
    let (mut count, mut newest) = (0, None);
    loop {
        let page = world.authority.audit_entries(list.clone()).await.unwrap();
        count += page.items.len();
        newest =
            newest.or_else(|| page.items.first().map(|entry| serde_json::from_str(&entry.body).unwrap()));
        match page.next {
            Some(next) => list.after = Some(next),
            None => return (count, newest),
        }
    }
}

#[tokio::test]
async fn reports_have_a_limit_for_the_license_and_the_day_on_all_servers() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        let other = world.replica(7).await;
        let mut written = 0;
        for at in 0..410 {
            let authority = if at % 2 == 0 { &world.authority } else { &other };
            match report(authority, &mut home).await {
                Reported::Written => written += 1,
                Reported::TooMany { retry_after } => assert!((1..=DAY.0).contains(&retry_after.0)),
            }
        }
        assert_eq!((written, told(&world, "report.compliance").await.0), (50, 50));
        let Reported::TooMany { retry_after } = report(&other, &mut home).await else {
            panic!("it was written")
        };
        world.clock.advance(Seconds(retry_after.0 - 1));
        assert_ne!(report(&world.authority, &mut home).await, Reported::Written);
        world.clock.advance(Seconds(1));
        assert_eq!(
            report(&world.authority, &mut home).await,
            Reported::Written,
            "as told: the day is another one"
        );
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_report_that_was_too_many_is_taken_later_and_a_repeat_costs_nothing() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        let nonce = home.draw();
        let one = Report {
            proof: home.prove(0, &nonce),
            nonce,
            kind: ReportKind::Compliance,
            detail: "once".to_owned(),
            at: Timestamp::from_seconds(0),
        };
        for _ in 0..60 {
            assert_eq!(send(&world.authority, &home, one.clone()).await, Reported::Written);
        }
        for _ in 0..49 {
            assert_eq!(report(&world.authority, &mut home).await, Reported::Written);
        }
        let nonce = home.draw();
        let late = Report { proof: home.prove(0, &nonce), nonce, detail: "late".to_owned(), ..one };
        assert_ne!(send(&world.authority, &home, late.clone()).await, Reported::Written);
        world.clock.advance(DAY);
        assert_eq!(send(&world.authority, &home, late).await, Reported::Written);
        assert_eq!(told(&world, "report.compliance").await.0, 51);
    })
    .await;
}

fn usage(first: u64, count: u64, meter: &str) -> Vec<Usage> {
    let at = Timestamp::from_seconds(0);
    (first..first + count).map(|seq| Usage { meter: meter.to_owned(), amount: 1, seq, at }).collect()
}

#[tokio::test]
async fn usage_is_stored_of_counters_that_the_license_has_and_so_much_a_day() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        let mut tell = async |usage| {
            let beat = Heartbeat { usage, ..home.beat() };
            let renewed = home.hear(&world, beat).await.unwrap();
            home.number += 1;
            renewed.warnings
        };
        for invented in ["invented", "nodes", "activations", "Not A Code", ""] {
            let warnings = tell(usage(1, 200, invented)).await;
            assert_eq!(warnings, [format!("the license has no counter named '{invented}': it was ignored")]);
        }
        assert_eq!(world.usage().await, [], "nothing of it is stored");
        for at in 0..100 {
            assert_eq!(tell(usage(1 + at * 200, 200, "jobs")).await, [""; 0]);
        }
        let warnings = tell(usage(20_001, 200, "jobs")).await;
        assert!(warnings[0].contains("200 of this heartbeat were ignored"), "{warnings:?}");
        assert_eq!(world.usage().await.len(), 20_000);
        world.clock.advance(DAY);
        assert_eq!(tell(usage(30_001, 200, "jobs")).await, [""; 0]);
        assert_eq!(world.usage().await.len(), 20_200);
    })
    .await;
}

#[tokio::test]
async fn entries_about_a_product_have_a_limit_and_one_tells_of_the_rest() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        for at in 0..600 {
            let beat = Heartbeat { version: Some(format!("2.4.{at}")), ..home.beat() };
            home.hear(&world, beat).await.unwrap();
            home.number += 1;
        }
        assert_eq!(told(&world, "activation.report").await.0, 499, "with that of the activation: 500");
        assert_eq!(told(&world, "license.audit_limited").await.0, 1);
        let version = world.authority.activation(home.id()).await.unwrap().version;
        assert_eq!(version.as_deref(), Some("2.4.599"), "what happens is stored all the same");
        let address = site.license.to_string();
        world.authority.suspend_license(super::setting::operator(), address, "x".to_owned()).await.unwrap();
        assert_eq!(told(&world, "license.suspend").await.0, 1, "operators have no such limit");
        world.clock.advance(DAY);
        world.authority.remove_old_when_due().await.unwrap();
        let (count, newest) = told(&world, "license.audit_limited").await;
        assert_eq!((count, newest.unwrap()["change"]["not_written"].clone()), (2, 101.into()));
    })
    .await;
}
