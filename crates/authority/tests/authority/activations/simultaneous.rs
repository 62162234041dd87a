//! Slots are exact under simultaneous calls.

use std::sync::Arc;

use kaching_base::{ErrorCode, Seconds};
use kaching_testkit::World;
use tokio::task::JoinSet;

use super::setting::{Installation, Site, counts};
use crate::activations::credential::Random;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_simultaneous_activations_get_ten_slots() {
    World::each(|world| async move {
        let site = Site::plain(&world, 10).await;
        let world = Arc::new(world);
        let mut asking = JoinSet::new();
        for i in 0..200 {
            let (world, site) = (Arc::clone(&world), site.clone());
            asking.spawn(async move {
                Installation::new(&format!("c{i}")).activate(&world, &site).await.map(drop)
            });
        }
        let answers = asking.join_all().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
        for refusal in answers.into_iter().filter_map(Result::err) {
            assert_eq!(refusal.refused.code, ErrorCode::ActivationLimitReached);
        }
        assert_eq!(counts(&world, &site).await, (10, 10));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_than_the_slots_under_simultaneous_calls() {
    World::each(|world| async move {
        let site = Site::plain(&world, 5).await;
        let world = Arc::new(world);
        let mut random = Random(11);
        let mut homes: Vec<_> = (0..24).map(|i| Installation::new(&format!("c{i}"))).collect();
        for round in 0..12 {
            let held: Vec<_> =
                homes.iter().filter_map(|home| home.credential.as_ref()).map(|c| c.activation).collect();
            let mut acting = JoinSet::new();
            for mut home in homes.drain(..) {
                let (world, site, choice) = (Arc::clone(&world), site.clone(), random.below(10));
                let victim = (!held.is_empty()).then(|| held[random.below(held.len() as u64) as usize]);
                acting.spawn(async move {
                    match (choice, victim) {
                        (0 | 1, _) if home.credential.is_some() => drop(home.deactivate(&world).await),
                        (2, Some(victim)) => drop(home.move_from(&world, &site, victim).await),
                        (3..=5, _) if home.credential.is_some() => drop(home.heartbeat(&world).await),
                        (9, _) => drop(world.authority.run_jobs().await.unwrap()),
                        _ => drop(home.activate(&world, &site).await),
                    }
                    home
                });
            }
            homes = acting.join_all().await;
            let (active, counted) = counts(&world, &site).await;
            assert!(active <= 5, "round {round}: {active} hold 5 slots");
            assert!(
                counted >= active as i64 && counted <= 5,
                "round {round}: the row counts {counted}, not {active}"
            );
            // Now and then most leases end.
            let pause = if random.below(4) == 0 { Seconds::days(4) } else { Seconds(120) };
            world.clock.advance(pause);
        }
        world.clock.advance(Seconds::days(40));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(counts(&world, &site).await, (0, 0), "every slot was given back");
    })
    .await;
}
