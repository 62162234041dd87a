//! Daily limits of what the calls for one license store.

use kaching_authority::{
    Actor, AuditFilter, Authority, Clock as _, Cx, Error, List, Sight,
    activations::{Heartbeat, Usage},
    reports::{Report, ReportKind},
};
use kaching_base::{ErrorCode, Seconds, Timestamp};
use kaching_testkit::World;
use serde_json::Value;

use super::setting::{Installation, Site, refused};

const DAY: Seconds = Seconds(86_400);

/// The outcome of a report.
#[derive(Debug, PartialEq)]
enum Reported {
    Written,
    TooMany { retry_after: Seconds },
}

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
    match authority.report(Cx::of(Actor::Client), report).await {
        Ok(()) => Reported::Written,
        Err(Error::TooMany { retry_after, .. }) => Reported::TooMany { retry_after },
        Err(error) => panic!("{error}"),
    }
}

/// All entries of an action, the newest first.
async fn entries_of(world: &World, action: &str) -> Vec<Value> {
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let mut list = List { limit: Some(200), filter, ..List::default() };
    let mut entries = Vec::new();
    loop {
        let page = world.authority.audit_entries(&Sight::All, list.clone()).await.unwrap();
        entries.extend(page.items.iter().map(|entry| serde_json::from_str::<Value>(&entry.body).unwrap()));
        match page.next {
            Some(next) => list.after = Some(next),
            None => return entries,
        }
    }
}

/// Returns the number of entries of an action, and the newest of them.
async fn count_and_newest(world: &World, action: &str) -> (usize, Option<Value>) {
    let entries = entries_of(world, action).await;
    (entries.len(), entries.into_iter().next())
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
        assert_eq!((written, count_and_newest(&world, "report.compliance").await.0), (50, 50));
        let Reported::TooMany { retry_after } = report(&other, &mut home).await else {
            panic!("it was written")
        };
        world.clock.advance(Seconds(retry_after.0 - 1));
        assert_ne!(report(&world.authority, &mut home).await, Reported::Written);
        world.clock.advance(Seconds(1));
        assert_eq!(report(&world.authority, &mut home).await, Reported::Written, "another day begins");
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_report_beyond_the_limit_is_accepted_later_and_a_repeat_is_not_counted() {
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
        assert_eq!(count_and_newest(&world, "report.compliance").await.0, 51);
    })
    .await;
}

fn usage(first: u64, count: u64, meter: &str) -> Vec<Usage> {
    let at = Timestamp::from_seconds(0);
    (first..first + count).map(|seq| Usage { meter: meter.to_owned(), amount: 1, seq, at }).collect()
}

#[tokio::test]
async fn usage_of_known_counters_is_stored_within_the_daily_limit() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        let mut tell = async |usage| {
            let beat = Heartbeat { usage, ..home.beat() };
            let renewed = home.send_heartbeat(&world, beat).await.unwrap();
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

/// So many refusals, each of another fingerprint: the license is full.
async fn refuse(world: &World, site: &Site, count: u64) {
    for at in 0..count {
        let mut stranger = Installation::new(&format!("stranger-{at}"));
        assert_eq!(refused(stranger.activate(world, site).await), ErrorCode::ActivationLimitReached);
    }
}

async fn refusals(world: &World) -> usize {
    let entries = entries_of(world, "activation.activate").await;
    entries.iter().filter(|entry| entry["outcome"] == "refused").count()
}

#[tokio::test]
async fn entries_of_refusals_have_a_limit_and_one_counts_the_rest() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        Installation::new("c1").activate(&world, &site).await.unwrap();
        refuse(&world, &site, 600).await;
        assert_eq!(refusals(&world).await, 500);
        assert_eq!(count_and_newest(&world, "license.audit_limited").await.0, 1);
        world.clock.advance(DAY);
        world.authority.remove_old_when_due().await.unwrap();
        let (count, newest) = count_and_newest(&world, "license.audit_limited").await;
        assert_eq!((count, newest.unwrap()["change"]["not_written"].clone()), (2, 100.into()));
    })
    .await;
}

/// Somebody with the key alone floods first and moves the slot then: that is still seen.
#[tokio::test]
async fn a_flood_of_refusals_hides_no_change() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        refuse(&world, &site, 600).await;
        for at in 0..600 {
            let beat = Heartbeat { version: Some(format!("2.4.{at}")), ..home.beat() };
            home.send_heartbeat(&world, beat).await.unwrap();
            home.number += 1;
        }
        let mut thief = Installation::new("c2");
        thief.move_from(&world, &site, home.id()).await.unwrap();
        thief.deactivate(&world).await.unwrap();
        for action in ["activation.supersede", "activation.deactivate"] {
            assert_eq!(count_and_newest(&world, action).await.0, 1, "{action}");
        }
        let granted = count_and_newest(&world, "activation.activate").await.0 - refusals(&world).await;
        assert_eq!(granted, 2, "both activations");
    })
    .await;
}

#[tokio::test]
async fn activations_by_key_have_a_daily_limit_and_each_leaves_an_entry() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("c1");
        for _ in 0..500 {
            home.activate(&world, &site).await.unwrap();
        }
        let (count, newest) = count_and_newest(&world, "license.activations_limited").await;
        let until = newest.expect("the last one that is admitted says so")["change"]["until"].clone();
        assert_eq!(count, 1);
        let other = world.replica(7).await;
        for authority in [&world.authority, &other] {
            let request = home.request(&site);
            match authority.activate(Cx::of(Actor::Client), request).await {
                Err(Error::TooMany { retry_after, .. }) => {
                    assert_eq!(serde_json::json!(world.clock.now() + retry_after), until);
                }
                _ => panic!("it is one too many"),
            }
        }
        assert_eq!(count_and_newest(&world, "activation.activate").await.0, 500);
        home.heartbeat(&world).await.expect("what is active goes on");
        world.clock.advance(DAY);
        home.activate(&world, &site).await.expect("the day is another one");
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn reports_of_a_product_about_itself_leave_one_entry_an_hour() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("c1");
        home.activate(&world, &site).await.unwrap();
        // Every two minutes another version, for three hours.
        for at in 0..90 {
            let beat = Heartbeat { version: Some(format!("2.4.{at}")), ..home.beat() };
            home.send_heartbeat(&world, beat).await.unwrap();
            home.number += 1;
            world.clock.advance(Seconds(120));
            world.authority.run_jobs().await.unwrap();
        }
        let (count, newest) = count_and_newest(&world, "activation.report").await;
        assert_eq!(count, 4, "the first immediately, and one for each hour");
        let change = &newest.unwrap()["change"];
        assert_eq!(
            (&change["first"]["version"], &change["last"]["version"]),
            (&"2.4.60".into(), &"2.4.89".into())
        );
        assert_eq!(change["times"], 30);
        let shown = world.authority.activation(&Sight::All, home.id()).await.unwrap().activation;
        assert_eq!(shown.version.as_deref(), Some("2.4.89"), "the reported version is stored immediately");
        world.clock.advance(Seconds(3600));
        world.authority.run_jobs().await.unwrap();
        let beat = Heartbeat { version: Some("3".to_owned()), ..home.beat() };
        home.send_heartbeat(&world, beat).await.unwrap();
        let (count, newest) = count_and_newest(&world, "activation.report").await;
        assert_eq!(
            (count, &newest.unwrap()["change"]["version"]),
            (5, &"3".into()),
            "a rare one is recorded immediately"
        );
    })
    .await;
}
