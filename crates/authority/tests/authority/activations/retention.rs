//! Old rows are removed when their time is over, some at a time.

use kaching_authority::{
    AuditFilter, DailyLimits, List, Retention, Sight,
    activations::{Heartbeat, Usage},
};
use kaching_base::{ErrorCode, Seconds, Timestamp};
use kaching_testkit::World;

use super::{
    backups,
    setting::{Installation, Site, database, refused},
};

/// Returns the number of rows of a table.
async fn rows(world: &World, table: &str) -> i64 {
    let sql: &'static str = Box::leak(format!("select count(*) from {table}").into_boxed_str());
    let db = database(&world.database).await;
    let count =
        db.read("test.count", move |tx| tx.query_one(sql, &[], |row| row.get::<i64>(0))).await.unwrap();
    db.close().await;
    count
}

async fn report_usage(world: &World, home: &mut Installation, seqs: std::ops::Range<u64>) {
    let at = Timestamp::from_seconds(0);
    let usage = seqs.map(|seq| Usage { meter: "jobs".to_owned(), amount: 1, seq, at }).collect();
    let beat = Heartbeat { usage, ..home.beat() };
    home.send_heartbeat(world, beat).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    home.number += 1;
}

/// A license with an installation that was displaced, moved away and reported much usage, and one that has its slot.
async fn lived(world: &World) -> (Installation, Installation) {
    let site = Site::plain(world, 1).await;
    let mut gone = Installation::new("gone");
    gone.activate(world, &site).await.unwrap();
    gone.activate(world, &site).await.unwrap();
    for at in 0..7 {
        report_usage(world, &mut gone, at * 200..(at + 1) * 200).await;
    }
    world.authority.run_jobs().await.unwrap();
    let mut here = Installation::new("here");
    here.move_from(world, &site, gone.id()).await.unwrap();
    (gone, here)
}

#[tokio::test]
async fn old_rows_are_removed_each_night_and_no_others() {
    World::each(|world| async move {
        let (mut gone, _) = lived(&world).await;
        let entries = rows(&world, "audit_entries").await;
        let first = world.authority.remove_old_when_due().await.unwrap().expect("it was never done");
        assert!(first.rows.is_empty(), "nothing is old: {first:?}");
        assert_eq!(world.authority.remove_old_when_due().await.unwrap(), None, "once a night");
        assert_eq!((rows(&world, "usage_reports").await, rows(&world, "activations").await), (1400, 2));

        world.clock.advance(Seconds::days(410));
        world.authority.store_time().await.unwrap();
        let removed = world.authority.remove_old_when_due().await.unwrap().expect("a night has begun").rows;
        assert_eq!(removed["usage"], 1400);
        assert_eq!((removed["moves"], removed["displaced_credentials"], removed["installations"]), (1, 1, 1));
        assert!(
            !removed.contains_key("audit_entries") && !removed.contains_key("audit_personal"),
            "{removed:?}"
        );
        assert_eq!((rows(&world, "usage_reports").await, rows(&world, "activations").await), (0, 1));
        assert!(rows(&world, "audit_entries").await > entries, "entries are kept for ever");
        assert_eq!(refused(gone.heartbeat(&world).await), ErrorCode::ActivationNotFound);
        let last = world.authority.last_removal().await.unwrap();
        assert_eq!(last.succeeded_at, Some(world.authority.now()));

        world.clock.advance(Seconds::days(700));
        world.authority.store_time().await.unwrap();
        let removed = world.authority.remove_old_when_due().await.unwrap().expect("a night has begun").rows;
        assert!(removed["audit_personal"] >= 4, "{removed:?}");
    })
    .await;
}

#[tokio::test]
async fn audit_entries_are_removed_by_one_server_where_the_settings_say_so() {
    World::each(|world| async move {
        lived(&world).await;
        let retention = Retention { audit: Some(Seconds::days(30)), ..Retention::default() };
        let open = async || {
            let opened = backups::open(&world, &world.database, world.directory.path()).await;
            opened.unwrap().with_limits(DailyLimits::default(), retention)
        };
        let (one, other) = (open().await, open().await);
        world.clock.advance(Seconds::days(31));
        one.store_time().await.unwrap();
        let before = rows(&world, "audit_entries").await;
        let both = tokio::join!(one.remove_old_when_due(), other.remove_old_when_due());
        let done: Vec<_> =
            [both.0.unwrap(), both.1.unwrap()].into_iter().flatten().map(|done| done.rows).collect();
        assert_eq!(done.len(), 1, "{done:?}");
        assert!(done[0]["audit_entries"] >= 10, "{done:?}");
        assert!(rows(&world, "audit_entries").await < before);
        let filter = AuditFilter { action: Some("retention.remove".to_owned()), ..AuditFilter::default() };
        let list = List { limit: Some(10), filter, ..List::default() };
        assert_eq!(
            world.authority.audit_entries(&Sight::All, list).await.unwrap().items.len(),
            1,
            "the removal is on record"
        );
        assert_eq!(rows(&world, "audit_private").await, 0, "nor is anything kept of what they were about");
        one.close().await;
        other.close().await;
    })
    .await;
}

/// A server that dies over it, seen from the next one.
#[tokio::test]
async fn another_server_finishes_an_interrupted_removal() {
    World::each(|world| async move {
        let (_, mut here) = lived(&world).await;
        let db = database(&world.database).await;
        let begun = format!(
            r#"{{"begun_at":{},"lease":"x","until":{}}}"#,
            world.authority.now().micros(),
            (world.authority.now() + Seconds(600)).micros()
        );
        db.write("test.begin", move |tx| {
            let sql = "insert into settings (name, value) values ('retention', ?1)";
            tx.execute(sql, kaching_db::params![begun.as_str()]).map(drop)
        })
        .await
        .unwrap();
        db.close().await;
        assert_eq!(world.authority.remove_old_when_due().await.unwrap(), None, "somebody is at it");
        world.clock.advance(Seconds(601));
        assert!(world.authority.remove_old_when_due().await.unwrap().is_some());
        here.heartbeat(&world).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    })
    .await;
}
