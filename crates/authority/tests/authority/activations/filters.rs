//! Lists of activations by what they report and whose they are, and the slots in use.

use std::collections::BTreeSet;

use kaching_authority::{
    Actor, Clock as _, Cx, LicenseFilter, List, NewCustomer, NewLicense, Sight,
    activations::{ActivationFilter, Answer, Health, Heartbeat},
    domain::{ActivationStatus, licenses::Draft},
    fill::Fill,
};
use kaching_base::{ActivationId, FingerprintKind, Seconds, Timestamp};
use kaching_testkit::World;

use super::setting::{Installation, Site, database, operator};

/// All pages of this length: the ids, upwards.
async fn ids(world: &World, limit: u32, filter: &ActivationFilter) -> Vec<ActivationId> {
    let mut list = List { limit: Some(limit), filter: filter.clone(), ..List::default() };
    let mut found = Vec::new();
    loop {
        let page = world.authority.activations(&Sight::All, list.clone()).await.unwrap();
        found.extend(page.items.into_iter().map(|one| one.activation.id));
        match page.next {
            Some(next) => list.after = Some(next),
            None => break,
        }
    }
    assert!(found.iter().rev().is_sorted());
    found.reverse();
    found
}

/// A license of a second customer.
async fn second_site(world: &World) -> Site {
    let reference = Some("CUST-002".parse().unwrap());
    let customer = NewCustomer { name: "Beta".to_owned(), reference, ..NewCustomer::default() };
    world.authority.create_customer(operator(), customer).await.unwrap();
    let new = NewLicense {
        customer: "CUST-002".to_owned(),
        product: "chorus".to_owned(),
        plan: "team".to_owned(),
        key_format: None,
        draft: Draft::default(),
    };
    let made = world.authority.create_license(operator(), new).await.unwrap();
    Site { license: made.license.id, key: made.key.unwrap() }
}

/// Activates from an address, with a version.
async fn activate(world: &World, site: &Site, name: &str, version: &str, address: &str) -> Installation {
    let mut home = Installation::new(name);
    let request = home.request(site);
    let request = kaching_authority::activations::Activate { version: Some(version.to_owned()), ..request };
    let cx = Cx { address: Some(address.parse().unwrap()), ..Cx::of(Actor::Client) };
    let Answer::Granted(activated) = world.authority.activate(cx, request).await.unwrap() else {
        panic!("it has a slot");
    };
    home.credential = Some(kaching_license::Credential::parse(activated.credential.expose()).unwrap());
    home.keys = Some(world.authority.keys());
    home
}

async fn report(world: &World, home: &mut Installation, status: &str, detail: Option<&str>) {
    let health = Some(Health { status: status.to_owned(), detail: detail.map(str::to_owned) });
    let beat = Heartbeat { health, ..home.beat() };
    home.send_heartbeat(world, beat).await.unwrap();
    home.number += 1;
}

#[tokio::test]
async fn each_filter_finds_its_activations() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2000).await;
        let other = second_site(&world).await;
        let mut one = activate(&world, &site, "one", "2.4.1", "203.0.113.7").await;
        let mut two = activate(&world, &site, "two", "2.5.0", "203.0.113.8").await;
        let three = activate(&world, &other, "three", "2.5.0", "203.0.113.7").await;
        report(&world, &mut one, "down", Some("no disk")).await;
        report(&world, &mut two, "ok", None).await;
        let (a, b, c) = (one.id(), two.id(), three.id());
        let none = ActivationFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            (none(), vec![a, b, c]),
            (ActivationFilter { customer: text("CUST-001"), ..none() }, vec![a, b]),
            (ActivationFilter { customer: text("CUST-002"), ..none() }, vec![c]),
            (ActivationFilter { product: text("chorus"), ..none() }, vec![a, b, c]),
            (ActivationFilter { version: text("2.5.0"), ..none() }, vec![b, c]),
            (ActivationFilter { version: text("2.5"), ..none() }, vec![]),
            (ActivationFilter { address: text("203.0.113.7"), ..none() }, vec![a, c]),
            (ActivationFilter { health: Some("down"), ..none() }, vec![a]),
            (ActivationFilter { health: Some("ok"), ..none() }, vec![b]),
            (ActivationFilter { health: Some("degraded"), ..none() }, vec![]),
            (ActivationFilter { kind: Some(FingerprintKind::Cluster), ..none() }, vec![a, b, c]),
            (ActivationFilter { kind: Some(FingerprintKind::Domain), ..none() }, vec![]),
            (ActivationFilter { version: text("2.5.0"), address: text("203.0.113.7"), ..none() }, vec![c]),
            (ActivationFilter { license: Some(site.license), version: text("2.5.0"), ..none() }, vec![b]),
            (
                ActivationFilter {
                    customer: text("CUST-001"),
                    health: Some("down"),
                    status: Some(ActivationStatus::Active),
                    ..none()
                },
                vec![a],
            ),
        ];
        for (filter, expected) in &cases {
            let mut expected = expected.clone();
            expected.sort();
            for limit in [1, 200] {
                assert_eq!(ids(&world, limit, filter).await, expected, "{limit} {filter:?}");
            }
        }
        // As one of many, of which the list looks at each.
        let fill = Fill { like: site.license, licenses: None, each: 1005, first: 1 };
        let filled: Vec<_> =
            world.authority.fill(fill).await.unwrap().into_iter().map(|one| one.activation).collect();
        let db = database(&world.database).await;
        db.write("test.set_version", |tx| {
            tx.execute("update activations set version = '2.5.0' where fingerprint like '%x%'", &[])
        })
        .await
        .unwrap();
        db.close().await;
        let of_both = ActivationFilter { version: text("2.5.0"), health: Some("ok"), ..none() };
        assert_eq!(ids(&world, 7, &of_both).await, [b]);
        let of_acme = ActivationFilter { customer: text("CUST-001"), ..none() };
        let all: BTreeSet<_> = filled.into_iter().chain([a, b]).collect();
        assert_eq!(ids(&world, 200, &of_acme).await, all.into_iter().collect::<Vec<_>>());
        let down = ActivationFilter { health: Some("down"), ..of_acme };
        assert_eq!(ids(&world, 7, &down).await, [a]);
    })
    .await;
}

async fn health(world: &World, id: ActivationId) -> (String, Option<String>, Option<Timestamp>) {
    let found = world.authority.activation(&Sight::All, id).await.unwrap().health.unwrap();
    (found.status, found.detail, found.since)
}

#[tokio::test]
async fn an_activation_shows_its_health_and_since_when() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut home = Installation::new("home");
        home.activate(&world, &site).await.unwrap();
        assert_eq!(world.authority.activation(&Sight::All, home.id()).await.unwrap().health, None);
        let begun = world.clock.now();
        report(&world, &mut home, "ok", None).await;
        assert_eq!(health(&world, home.id()).await, ("ok".to_owned(), None, Some(begun)));
        world.clock.advance(Seconds(60));
        report(&world, &mut home, "ok", Some("queue is empty")).await;
        let with_detail = ("ok".to_owned(), Some("queue is empty".to_owned()), Some(begun));
        assert_eq!(health(&world, home.id()).await, with_detail, "with a batch");
        world.clock.advance(Seconds(60));
        report(&world, &mut home, "degraded", Some("queue is full")).await;
        let degraded = ("degraded".to_owned(), Some("queue is full".to_owned()), Some(world.clock.now()));
        assert_eq!(health(&world, home.id()).await, degraded);
        // As an earlier version stored it.
        let db = database(&world.database).await;
        db.write("test.store_as_before", |tx| {
            tx.execute("update activations set health = '{\"status\":\"down\",\"detail\":null}'", &[])
        })
        .await
        .unwrap();
        db.close().await;
        assert_eq!(health(&world, home.id()).await, ("down".to_owned(), None, None));
        report(&world, &mut home, "down", Some("no disk")).await;
        assert_eq!(health(&world, home.id()).await, ("down".to_owned(), Some("no disk".to_owned()), None));
    })
    .await;
}

#[tokio::test]
async fn a_license_shows_its_slots_in_use_whether_lapses_are_recorded_or_not() {
    World::each(|world| async move {
        let site = Site::plain(&world, 9).await;
        let other = second_site(&world).await;
        let mut homes: Vec<_> = (0..3).map(|i| Installation::new(&format!("c{i}"))).collect();
        for home in &mut homes {
            home.activate(&world, &site).await.unwrap();
        }
        Installation::new("other").activate(&world, &other).await.unwrap();
        let used = async || -> Vec<u64> {
            let list = List { filter: LicenseFilter::default(), ..List::default() };
            let listed = world.authority.licenses(&Sight::All, list).await.unwrap().items;
            for one in &listed {
                let shown = world.authority.license(&Sight::All, one.license.id.to_string()).await.unwrap();
                assert_eq!(shown.used_slots, one.used_slots);
            }
            listed.iter().map(|one| one.used_slots).collect()
        };
        assert_eq!(used().await, [1, 3]);
        homes[0].deactivate(&world).await.unwrap();
        assert_eq!(used().await, [1, 2]);
        world.clock.advance(Seconds::days(30));
        assert_eq!(used().await, [0, 0], "no job has recorded it");
        world.authority.run_jobs().await.unwrap();
        assert_eq!(used().await, [0, 0]);
    })
    .await;
}
