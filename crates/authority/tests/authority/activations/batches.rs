//! Heartbeats that wait at the same time share a transaction, and each has its own answer.

use std::sync::Arc;

use kaching_authority::{
    Actor, Authority, Cx, EditLicense, Refused,
    activations::{Answer, Health, Heartbeat, Refusal, Renewed, Usage},
};
use kaching_base::{ErrorCode, Seconds, Timestamp};
use kaching_db::{Engine, params};
use kaching_license::{Lease, Moment};
use kaching_testkit::World;
use tokio::task::JoinSet;

use super::setting::{Installation, Site, code, database, operator, refused, trusted};

/// Sends all of them before any is answered; their answers in the same order.
async fn send_together(authority: &Arc<Authority>, beats: Vec<Heartbeat>) -> Vec<Result<Renewed, Refusal>> {
    let mut answering = JoinSet::new();
    for (place, beat) in beats.into_iter().enumerate() {
        let authority = Arc::clone(authority);
        answering.spawn(async move {
            let answer = match authority.heartbeat(Cx::of(Actor::Client), beat).await {
                Ok(Answer::Granted(renewed)) => Ok(renewed),
                Ok(Answer::Refused(refusal)) => Err(refusal),
                Err(
                    error @ (kaching_authority::Error::Invalid { .. }
                    | kaching_authority::Error::OutdatedCredential { .. }),
                ) => {
                    let refused = Refused::new(error.code(), error.to_string());
                    Err(Refusal { refused: Box::new(refused), statement: None })
                }
                Err(error) => panic!("{error}"),
            };
            (place, answer)
        });
    }
    let mut answers = answering.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn active(world: &World, site: &Site, many: usize) -> Vec<Installation> {
    let mut homes: Vec<_> = (0..many).map(|n| Installation::new(&format!("c{n}"))).collect();
    for home in &mut homes {
        home.activate(world, site).await.unwrap();
    }
    homes
}

fn read(authority: &Authority, answer: &Result<Renewed, Refusal>) -> Lease {
    let lease = &answer.as_ref().unwrap().lease;
    trusted(authority).verify_lease(lease, &Default::default(), Moment::Inspect).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_heartbeat_of_a_batch_has_its_own_answer() {
    World::each(|world| async move {
        let site = Site::plain(&world, 100).await;
        let mut homes = active(&world, &site, 30).await;
        world.clock.advance(Seconds(60));
        homes[3].deactivate(&world).await.unwrap();
        let mut beats: Vec<_> = homes.iter_mut().map(Installation::beat).collect();
        // The second next number, another's fingerprint, what it used, how it is, and what it has.
        let nonce = homes[4].draw();
        beats[4] = Heartbeat { proof: homes[4].prove(2, &nonce), nonce, ..beats[4].clone() };
        beats[5].fpr = beats[6].fpr;
        beats[7].usage =
            vec![Usage { meter: "jobs".to_owned(), amount: 5, seq: 1, at: Timestamp::from_seconds(0) }];
        beats[8].health = Some(Health { status: "ok".to_owned(), detail: None });
        beats[9].levels = Some([("nodes".to_owned(), 2), ("moons".to_owned(), 1)].into());
        let answers = send_together(&world.authority, beats.clone()).await;
        for (place, answer) in answers.into_iter().enumerate() {
            match place {
                3 => assert_eq!(refused(answer), ErrorCode::ActivationDeactivated),
                4 => assert_eq!(refused(answer), ErrorCode::CredentialInvalid),
                5 => assert_eq!(refused(answer), ErrorCode::FingerprintMismatch),
                _ => {
                    let lease = read(&world.authority, &answer);
                    assert_eq!((lease.act, lease.req), (homes[place].id(), beats[place].proof.request()));
                    let renewed = answer.unwrap();
                    let nodes = renewed.quotas.iter().find(|quota| quota.name.as_str() == "nodes").unwrap();
                    assert_eq!(nodes.used, if place == 9 { 2 } else { 0 });
                    assert_eq!(renewed.warnings.len(), usize::from(place == 9));
                }
            }
        }
        assert_eq!(world.usage().await.len(), 1);
        // What was written is what each would have written alone.
        let next = send_together(&world.authority, homes.iter_mut().map(Installation::beat).collect()).await;
        let again: Vec<_> = (0..30).filter(|place| next[*place].is_ok()).collect();
        assert_eq!(again, [4], "only the one that was not answered may send its first number");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_heartbeat_many_times_has_one_effect() {
    World::each(|world| async move {
        let site = Site::plain(&world, 10).await;
        let mut homes = active(&world, &site, 2).await;
        let beat = homes[0].beat();
        for answer in send_together(&world.authority, vec![beat; 40]).await {
            assert_eq!(read(&world.authority, &answer).act, homes[0].id());
        }
        homes[0].number = 1;
        homes[0].heartbeat(&world).await.unwrap();
        homes[1].heartbeat(&world).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_counts_once_however_they_come() {
    World::each(|world| async move {
        let site = Site::plain(&world, 10).await;
        let mut homes = active(&world, &site, 1).await;
        for number in 1..=20 {
            // Two requests with the next number, of which only one can be the next.
            let beats = vec![homes[0].beat(), homes[0].beat()];
            let answers = send_together(&world.authority, beats).await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "number {number}");
            homes[0].number = number;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lapsed_activation_returns_only_where_a_slot_is_free() {
    World::each(|world| async move {
        let site = Site::plain(&world, 3).await;
        let mut homes = active(&world, &site, 3).await;
        world.clock.advance(Seconds::days(4));
        Installation::new("late").activate(&world, &site).await.unwrap();
        let answers =
            send_together(&world.authority, homes.iter_mut().map(Installation::beat).collect()).await;
        let (back, out): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(back.len(), 2);
        assert!(out.into_iter().all(|one| refused(one) == ErrorCode::ActivationLimitReached));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_any_replica_is_in_the_next_lease() {
    World::each(|world| async move {
        let site = Site::plain(&world, 40).await;
        let mut homes = active(&world, &site, 20).await;
        let replica = world.replica(7).await;
        let license = || site.license.to_string();
        let send_all = async |homes: &mut Vec<Installation>| {
            world.clock.advance(Seconds(60));
            let answers =
                send_together(&world.authority, homes.iter_mut().map(Installation::beat).collect()).await;
            homes.iter_mut().for_each(|home| home.number += 1);
            answers
        };
        let before = read(&world.authority, &send_all(&mut homes).await[0]);
        let features = Some([code("federation"), code("audit_export")].into());
        let grant = EditLicense { features, ..EditLicense::default() };
        replica.edit_license(operator(), license(), grant).await.unwrap();
        for answer in send_all(&mut homes).await {
            let lease = read(&world.authority, &answer);
            assert_eq!(lease.rev, before.rev + 1);
            assert!(lease.features.contains("audit_export"));
        }
        let title = kaching_authority::EditFeature { title: Some("New".to_owned()), ..Default::default() };
        replica.edit_feature(operator(), "chorus:federation".to_owned(), title).await.unwrap();
        for answer in send_all(&mut homes).await {
            assert_ne!(read(&world.authority, &answer).cat, before.cat, "the catalogue is another");
        }
        replica.suspend_license(operator(), license(), "unpaid".to_owned()).await.unwrap();
        for answer in send_all(&mut homes).await {
            assert_eq!(refused(answer), ErrorCode::LicenseSuspended);
        }
        replica.reinstate_license(operator(), license()).await.unwrap();
        for answer in send_all(&mut homes).await {
            assert_eq!(read(&world.authority, &answer).rev, before.rev + 3);
        }
        replica.close().await;
    })
    .await;
}

/// On SQLite the writer is alone, and nothing is ever locked by another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_does_not_wait_for_a_locked_row() {
    let world = World::on(Engine::Postgres).await;
    let site = Site::plain(&world, 40).await;
    let mut homes = active(&world, &site, 20).await;
    let other = database(&world.database).await;
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (id, mut locked) = (homes[0].id(), Some(locked));
    let mut holding = JoinSet::new();
    holding.spawn(async move {
        other
            .write("hold", move |tx| {
                let sql = "select number from activations where id = ?1 for update";
                tx.query_one(sql, params![id], |row| row.get::<i64>(0))?;
                if let Some(locked) = locked.take() {
                    locked.send(()).unwrap();
                }
                let _ = released.recv();
                Ok::<_, kaching_db::Error>(())
            })
            .await
    });
    is_locked.await.unwrap();
    let mut beats: Vec<_> = homes.iter_mut().map(Installation::beat).collect();
    let first = beats.remove(0);
    let waiting = send_together(&world.authority, vec![first]);
    tokio::pin!(waiting);
    let others = send_together(&world.authority, beats);
    tokio::select! {
        _ = &mut waiting => panic!("its row is locked"),
        answers = others => assert!(answers.iter().all(Result::is_ok)),
    }
    release.send(()).unwrap();
    holding.join_all().await;
    assert!(waiting.await[0].is_ok());
}
