//! Lists of activations contain each once and in order, however many match.

use kaching_authority::{List, Sight, activations::ActivationFilter, domain::ActivationStatus, fill::Fill};
use kaching_base::{ActivationId, Seconds};
use kaching_testkit::World;

use super::setting::{Installation, Site, database};

/// More than are looked up and sorted.
const MANY: u32 = 1005;
/// Seconds for which those that are filled in run.
const RUN: i64 = 86_400;

async fn fill(world: &World, site: &Site, each: u32, first: u64) -> Vec<ActivationId> {
    let fill = Fill { like: site.license, licenses: None, each, first };
    world.authority.fill(fill).await.unwrap().into_iter().map(|filled| filled.activation).collect()
}

/// All pages of this length, in both directions: the ids, upwards.
async fn pages(world: &World, limit: u32, filter: ActivationFilter, q: &str) -> Vec<ActivationId> {
    let mut both = Vec::new();
    for sort in ["created_at", "-created_at"] {
        let (q, sort) = (Some(q.to_owned()), Some(sort.to_owned()));
        let mut asked = List { limit: Some(limit), q, sort, filter: filter.clone(), after: None };
        let mut found = Vec::new();
        loop {
            let page = world.authority.activations(&Sight::All, asked.clone()).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            found.extend(page.items.into_iter().map(|one| one.activation.id));
            match page.next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
        }
        both.push(found);
    }
    both[1].reverse();
    assert_eq!(both[0], both[1], "the other direction is the reverse");
    assert!(both[0].is_sorted());
    both.swap_remove(0)
}

fn shown(status: ActivationStatus) -> ActivationFilter {
    ActivationFilter { status: Some(status), ..ActivationFilter::default() }
}

fn sorted(mut ids: Vec<ActivationId>) -> Vec<ActivationId> {
    ids.sort();
    ids
}

#[tokio::test]
async fn lapsed_activations_are_listed_recorded_or_not() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1000).await;
        let first = fill(&world, &site, 9, 1).await;
        world.clock.advance(Seconds(3600));
        let second = fill(&world, &site, 12, 2).await;
        let mut home = Installation::new("home");
        home.activate(&world, &site).await.unwrap();
        let (lapsed, active) = (shown(ActivationStatus::Lapsed), shown(ActivationStatus::Active));
        assert!(pages(&world, 5, lapsed.clone(), "").await.is_empty());

        // The first ones are written down, the second ones only overdue.
        world.clock.advance(Seconds(RUN - 3000));
        assert_eq!(pages(&world, 5, lapsed.clone(), "").await, sorted(first.clone()));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(pages(&world, 5, lapsed.clone(), "").await, sorted(first.clone()));
        world.clock.advance(Seconds(3600));
        let both = sorted([first, second].concat());
        for limit in [1, 5, 21, 200] {
            assert_eq!(pages(&world, limit, lapsed.clone(), "").await, both, "{limit}");
        }
        assert_eq!(pages(&world, 5, lapsed, "install 00000002x00003").await.len(), 1);
        assert_eq!(pages(&world, 5, active, "").await, [home.id()]);

        home.deactivate(&world).await.unwrap();
        assert_eq!(pages(&world, 5, shown(ActivationStatus::Deactivated), "").await, [home.id()]);
    })
    .await;
}

#[tokio::test]
async fn a_list_of_many_finds_them_all() {
    World::each(|world| async move {
        let site = Site::plain(&world, 5000).await;
        let all = sorted(fill(&world, &site, MANY, 1).await);
        let any = ActivationFilter::default();
        assert_eq!(pages(&world, 200, any.clone(), "install").await, all);
        assert_eq!(pages(&world, 200, any.clone(), "inst 0000").await, all);
        assert!(pages(&world, 200, any, "install nowhere").await.is_empty());
        assert_eq!(pages(&world, 200, shown(ActivationStatus::Active), "").await, all);
        world.clock.advance(Seconds(RUN + 60));
        assert_eq!(pages(&world, 200, shown(ActivationStatus::Lapsed), "").await, all);
        assert!(pages(&world, 200, shown(ActivationStatus::Active), "").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn installations_of_an_earlier_version_are_indexed_at_the_start() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 1).await;
        let mut road = Installation::new("Straße 1");
        let id = road.activate(&world, &site).await.unwrap().activation.id;
        let db = database(&world.database).await;
        db.write("test.store_as_before", |tx| {
            tx.execute("update search_words set word = 'straße' where word = 'strasse'", &[])?;
            tx.execute("delete from settings where name = 'search_index'", &[])
        })
        .await
        .unwrap();
        db.close().await;
        assert!(pages(&world, 2, ActivationFilter::default(), "STRASSE").await.is_empty());
        world.restart().await;
        assert_eq!(pages(&world, 2, ActivationFilter::default(), "STRASSE").await, [id]);
    })
    .await;
}
