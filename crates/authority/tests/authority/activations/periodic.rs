//! Periodic work: what cannot be read or done stops nothing else, and is reported.

use kaching_authority::{At, NewLicense, Sight, Upgrade, domain::licenses::Draft, jobs::TaskReport};
use kaching_base::{LicenseId, Seconds};
use kaching_db::{Db, params};

use kaching_testkit::World;

use super::setting::{Installation, Site, database, operator, shown};

/// Another license of the site's plan.
async fn another(world: &World) -> Site {
    let new = NewLicense {
        customer: "CUST-001".to_owned(),
        product: "chorus".to_owned(),
        plan: "team".to_owned(),
        key_format: None,
        draft: Draft::default(),
    };
    let made = world.authority.create_license(operator(), new).await.unwrap();
    Site { license: made.license.id, key: made.key.unwrap() }
}

/// Damages the terms of a license in the database.
async fn damage(db: &Db, license: LicenseId) {
    let sql = "update licenses set granted = 'damaged' where id = ?1";
    assert_eq!(db.write("test.damage", move |tx| tx.execute(sql, params![license])).await, Ok(1));
}

fn report(world: &World, task: &str) -> TaskReport {
    world.authority.task_reports().into_iter().find(|report| report.task == task).unwrap()
}

fn metric(world: &World, line: &str) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &world.registry).unwrap();
    text.lines().any(|found| found == line)
}

async fn plan_of(world: &World, site: &Site) -> String {
    world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().plan.to_string()
}

#[tokio::test]
async fn a_license_that_cannot_be_read_does_not_stop_the_scheduled_changes_of_others() {
    World::each(|world| async move {
        let mut sites = vec![Site::plain(&world, 1).await];
        for _ in 0..2 {
            sites.push(another(&world).await);
        }
        for site in &sites {
            let upgrade = Upgrade { plan: "enterprise".to_owned(), at: At::PeriodEnd, force: false };
            world.authority.upgrade_license(operator(), site.license.to_string(), upgrade).await.unwrap();
        }
        let db = database(&world.database).await;
        damage(&db, sites[0].license).await;
        world.clock.advance(Seconds::days(366));
        world.authority.store_time().await.unwrap();
        for round in 1..=2 {
            world.authority.run_jobs().await.unwrap();
            for site in &sites[1..] {
                assert_eq!(plan_of(&world, site).await, "enterprise");
            }
            let report = report(&world, "licenses.change_plan");
            let failed: Vec<_> = report.failed_items.keys().cloned().collect();
            assert_eq!((failed, report.succeeded_at), (vec![sites[0].license.to_string()], None));
            let failures =
                format!("kaching_schedule_failures_total{{task=\"licenses.change_plan\"}} {round}");
            assert!(metric(&world, &failures), "{failures}");
        }
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_activation_whose_license_cannot_be_read_does_not_stop_others_from_lapsing() {
    World::each(|world| async move {
        let good = Site::plain(&world, 1).await;
        let bad = another(&world).await;
        let mut installations = Vec::new();
        for (site, name) in [(&bad, "bad"), (&good, "good")] {
            let mut installation = Installation::new(name);
            installation.activate(&world, site).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
            installations.push(installation.id());
        }
        let db = database(&world.database).await;
        damage(&db, bad.license).await;
        world.clock.advance(Seconds::days(60));
        world.authority.store_time().await.unwrap();
        world.authority.run_jobs().await.unwrap();
        assert_eq!(shown(&world, installations[1]).await.status, kaching_authority::ActivationStatus::Lapsed);
        let found = report(&world, "activations.lapse");
        assert_eq!(found.failed_items.keys().collect::<Vec<_>>(), [&installations[0].to_string()]);
        // It is looked at again after an hour, and then it is as good as the others.
        world.authority.run_jobs().await.unwrap();
        assert!(report(&world, "activations.lapse").failed_items.is_empty());
        let sql = "update licenses set granted = (select granted from licenses where id = ?2) where id = ?1";
        let (from, to) = (good.license, bad.license);
        db.write("test.repair", move |tx| tx.execute(sql, params![to, from])).await.unwrap();
        world.clock.advance(Seconds(3600));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(shown(&world, installations[0]).await.status, kaching_authority::ActivationStatus::Lapsed);
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_count_that_cannot_be_read_does_not_stop_other_entries() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let db = database(&world.database).await;
        let mut targets = Vec::new();
        for (name, first) in [("bad", "damaged"), ("good", "{}")] {
            let mut installation = Installation::new(name);
            installation.activate(&world, &site).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
            let id = installation.id();
            targets.push(id);
            let sql = "insert into repeated_entries (activation, action, written_at, times, first, last)
                       values (?1, 'activation.test', 0, 3, ?2, '{}')";
            db.write("test.count", move |tx| tx.execute(sql, params![id, first])).await.unwrap();
        }
        world.authority.run_jobs().await.unwrap();
        let entries = |id| super::setting::entries(&world, id);
        assert_eq!(entries(targets[1]).await[0].0, "activation.test");
        assert!(entries(targets[0]).await.iter().all(|(action, _)| action != "activation.test"));
        let found = report(&world, "activations.write_repeated");
        let failed: Vec<_> = found.failed_items.keys().cloned().collect();
        assert_eq!(failed, [format!("{} activation.test", targets[0])]);
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn rows_that_cannot_be_removed_keep_no_others() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut installation = Installation::new("here");
        installation.activate(&world, &site).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let (db, id) = (database(&world.database).await, installation.id());
        db.write("test.old", move |tx| {
            tx.execute("alter table usage_reports rename to usage_reports_gone", &[])?;
            let sql =
                "insert into displaced_generations (activation, generation, number, at) values (?1, 9, 1, 0)";
            tx.execute(sql, params![id])
        })
        .await
        .unwrap();
        let removed = world.authority.remove_old_when_due().await.unwrap().expect("it was never done");
        assert_eq!(removed.rows["displaced_credentials"], 1);
        assert!(removed.failed.contains_key("usage"), "{removed:?}");
        assert_eq!(world.authority.last_removal().await.unwrap().succeeded_at, None);
        db.write("test.back", |tx| tx.execute("alter table usage_reports_gone rename to usage_reports", &[]))
            .await
            .unwrap();
        world.clock.advance(Seconds::days(1));
        world.authority.store_time().await.unwrap();
        let removed = world.authority.remove_old_when_due().await.unwrap().expect("a night has begun");
        assert!(removed.failed.is_empty(), "{removed:?}");
        assert_eq!(world.authority.last_removal().await.unwrap().succeeded_at, Some(world.authority.now()));
        db.close().await;
    })
    .await;
}
