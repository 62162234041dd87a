//! The present use of a license is the same by every way to compute it, for one installation and for thousands.

use std::collections::BTreeMap;

use kaching_authority::{
    Digest, List, Sight,
    activations::{Activate, ActivationFilter, Heartbeat, MoveTo},
    domain::ActivationStatus,
    fill::Fill,
    status::Asker,
    validate::Validate,
};
use kaching_base::Seconds;
use kaching_db::params;
use kaching_testkit::World;

use super::setting::{Installation, Site, database, operator};

/// Returns the number of slots in use and the highest level of nodes, as validations and the status report them.
async fn reported(world: &World, site: &Site) -> (u64, u64) {
    let ask = Validate {
        key: Some(site.key.clone()),
        product: None,
        fingerprint: None,
        kind: None,
        features: Vec::new(),
        nonce: None,
        request: Digest([7; 32]),
    };
    let validated = world.authority.validate(ask).await.unwrap().quotas;
    let status = world.authority.status(Asker::Key(site.key.clone())).await.unwrap().quotas;
    assert_eq!(validated, status);
    let used = |name: &str| validated.iter().find(|quota| quota.name.as_str() == name).unwrap().used;
    (used("activations"), used("nodes"))
}

/// The same from the activations themselves.
async fn counted(world: &World, site: &Site) -> (u64, u64) {
    let filter = ActivationFilter { license: Some(site.license), ..ActivationFilter::default() };
    let list = List { limit: Some(200), filter, ..List::default() };
    let all = world.authority.activations(&Sight::All, list).await.unwrap().items;
    let active: Vec<_> =
        all.iter().map(|one| &one.activation).filter(|one| one.status == ActivationStatus::Active).collect();
    let nodes = active.iter().filter_map(|one| one.levels.get("nodes")).max();
    (active.len() as u64, nodes.copied().unwrap_or(0))
}

fn nodes(level: u64) -> BTreeMap<String, u64> {
    [("nodes".to_owned(), level)].into()
}

async fn beat_with(world: &World, one: &mut Installation, level: u64) {
    let beat = Heartbeat { levels: Some(nodes(level)), ..one.beat() };
    if one.send_heartbeat(world, beat).await.is_ok() {
        one.number += 1;
    }
}

#[tokio::test]
async fn present_use_is_the_same_for_any_number_of_activations() {
    World::each(|world| async move {
        let site = Site::plain(&world, 10_000).await;
        let mut one = Installation::new("one");
        let request = Activate { levels: nodes(2), ..one.request(&site) };
        one.send(&world, request).await.unwrap();
        assert_eq!(reported(&world, &site).await, (1, 2));
        for (first, each, active) in [(1, 99, 100), (2, 900, 1000), (3, 500, 1500)] {
            world.authority.fill(Fill { like: site.license, licenses: None, each, first }).await.unwrap();
            assert_eq!(reported(&world, &site).await, (active, 2));
        }
        beat_with(&world, &mut one, 3).await;
        assert_eq!(reported(&world, &site).await, (1500, 3));

        // The others run for a day, it runs for three; nobody writes down that they lapsed.
        world.clock.advance(Seconds(86_400 + 60));
        assert_eq!(reported(&world, &site).await, (1, 3));
        world.clock.advance(Seconds::days(3));
        assert_eq!(reported(&world, &site).await, (0, 0));
        one.heartbeat(&world).await.unwrap();
        assert_eq!(reported(&world, &site).await, (1, 3), "a slot is free, so it goes on with what it had");
        one.deactivate(&world).await.unwrap();
        assert_eq!(reported(&world, &site).await, (0, 0));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(reported(&world, &site).await, (0, 0), "written down it is the same");
    })
    .await;
}

/// A number below another, drawn from a seed.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

#[tokio::test]
async fn present_use_follows_every_change_of_activations() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 4).await;
        let mut all: Vec<_> = (0..6).map(|at| Installation::new(&format!("c{at}"))).collect();
        let (mut seed, mut levels) = (15, 0);
        for step in 0..240 {
            let (at, other) = (draw(&mut seed, 6) as usize, draw(&mut seed, 6) as usize);
            let choice = draw(&mut seed, 12);
            let from = all[other].credential.as_ref().map(|credential| credential.activation);
            let one = &mut all[at];
            match (choice, one.credential.is_some()) {
                (0..=2, _) | (_, false) => {
                    let request = Activate { levels: nodes(draw(&mut seed, 9)), ..one.request(&site) };
                    let _ = one.send(&world, request).await;
                }
                (3..=5, true) => beat_with(&world, one, draw(&mut seed, 9)).await,
                (6, true) => drop(one.deactivate(&world).await),
                (7, true) => drop(world.authority.release_activation(operator(), one.id(), None).await),
                (8, true) => {
                    if let Some(from) = from {
                        let _ = one.move_from(&world, &site, from).await;
                    }
                }
                (9, true) => {
                    let fingerprint = format!("c{other}");
                    let to = MoveTo { fingerprint, kind: None, name: None };
                    drop(world.authority.move_activation(operator(), one.id(), to).await);
                }
                (10, true) => world.clock.advance(Seconds(i64::try_from(draw(&mut seed, 150_000)).unwrap())),
                _ => drop(world.authority.run_jobs().await.unwrap()),
            }
            if step == 120 {
                world.restart().await;
                all.iter_mut().for_each(|one| one.keys = Some(world.authority.keys()));
            }
            let (in_use, counted) = (reported(&world, &site).await, counted(&world, &site).await);
            assert_eq!(in_use, counted, "step {step}: {choice} on c{at}");
            levels += in_use.1;
        }
        assert!(levels > 100, "levels were in use in most steps, not {levels}");
    })
    .await;
}

#[tokio::test]
async fn levels_of_an_earlier_version_are_counted_after_the_upgrade() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 4).await;
        for (name, level) in [("a", 5), ("b", 7), ("c", 9)] {
            let mut one = Installation::new(name);
            let request = Activate { levels: nodes(level), ..one.request(&site) };
            one.send(&world, request).await.unwrap();
            if name == "c" {
                one.deactivate(&world).await.unwrap();
            }
        }
        // As the schema was before: without what the last step made.
        let migration = |engine| match engine {
            kaching_db::Engine::Sqlite => include_str!("../../../migrations/sqlite/0009_level_use.sql"),
            kaching_db::Engine::Postgres => include_str!("../../../migrations/postgres/0009_level_use.sql"),
        };
        let db = database(&world.database).await;
        let text = migration(db.engine());
        let fill = &text[text.find("insert into level_use").unwrap()..text.find("\n\n--").unwrap()];
        let fill: &'static str = Box::leak(fill.trim_end().trim_end_matches(';').to_owned().into_boxed_str());
        db.write("test.fill", move |tx| {
            tx.execute("delete from level_use", params![])?;
            tx.execute(fill, params![])
        })
        .await
        .unwrap();
        db.close().await;
        world.restart().await;
        assert_eq!(reported(&world, &site).await, (2, 7));
    })
    .await;
}
