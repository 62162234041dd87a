//! Moves of activations to other installations.

use kaching_authority::{
    Sight,
    activations::{Activate, MoveTo},
    domain::{ActivationStatus, licenses::Draft, terms::EditPolicy},
};
use kaching_base::{ErrorCode, Seconds};
use kaching_testkit::World;

use super::setting::{Installation, Site, counts, operator, read_lease, refused, shown};

#[tokio::test]
async fn the_key_alone_moves_as_often_as_the_license_allows() {
    World::each(|world| async move {
        let policy = EditPolicy { moves: Some(2), ..EditPolicy::default() };
        let site = Site::new(&world, 1, Draft { policy, ..Draft::default() }).await;
        let mut homes: Vec<_> = (0..4).map(|i| Installation::new(&format!("c{i}"))).collect();
        homes[0].activate(&world, &site).await.unwrap();
        let first_move = world.authority.activation(&Sight::All, homes[0].id()).await.unwrap();
        let first_move = first_move.activation.last_seen_at;
        for i in 1..3 {
            let from = homes[i - 1].id();
            homes[i].move_from(&world, &site, from).await.unwrap();
            assert_eq!(counts(&world, &site).await, (1, 1));
            world.clock.advance(Seconds(1000));
        }
        let from = homes[2].id();
        let refusal = homes[3].move_from(&world, &site, from).await.err().unwrap();
        assert_eq!(refusal.refused.code, ErrorCode::MovesExhausted);
        assert_eq!(refusal.refused.holders.len(), 1);
        let wait = refusal.refused.retry_after_s.unwrap();
        world.clock.advance(Seconds(wait - 2));
        homes[2].activate(&world, &site).await.unwrap();
        let from = homes[2].id();
        assert_eq!(refused(homes[3].move_from(&world, &site, from).await), ErrorCode::MovesExhausted);
        world.clock.set(first_move + Seconds::days(30) + Seconds(1));
        homes[3].move_from(&world, &site, from).await.expect("the first move has left the window");
    })
    .await;
}

#[tokio::test]
async fn the_old_holder_runs_for_its_move_grace_and_never_again() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let (mut old, mut new) = (Installation::new("c1"), Installation::new("c2"));
        old.activate(&world, &site).await.unwrap();
        new.move_from(&world, &site, old.id()).await.unwrap();
        world.clock.advance(Seconds(800));
        let beat = old.beat();
        let request = beat.proof.request();
        let lease = old.send_heartbeat(&world, beat).await.unwrap().lease;
        old.number += 1;
        let lease = read_lease(&world, &lease, request);
        let ends_at = shown(&world, old.id()).await.move_ends_at.unwrap();
        assert_eq!((lease.exp, lease.run_until), (ends_at, ends_at), "no offline grace after a move");
        assert_eq!(refused(old.activate(&world, &site).await), ErrorCode::ActivationSuperseded);
        world.clock.set(ends_at);
        assert_eq!(refused(old.heartbeat(&world).await), ErrorCode::ActivationSuperseded);
        assert_eq!(refused(old.activate(&world, &site).await), ErrorCode::ActivationSuperseded);
        old.move_from(&world, &site, new.id()).await.expect("its host asked for it");
        assert_eq!(counts(&world, &site).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_move_by_the_present_holder_is_not_counted() {
    World::each(|world| async move {
        let policy = EditPolicy { moves: Some(0), ..EditPolicy::default() };
        let site = Site::new(&world, 1, Draft { policy, ..Draft::default() }).await;
        let (mut old, mut new) = (Installation::new("c1"), Installation::new("c2"));
        old.activate(&world, &site).await.unwrap();
        let refusal = new.move_from(&world, &site, old.id()).await.err().unwrap();
        assert_eq!((refusal.refused.code, refusal.refused.retry_after_s), (ErrorCode::MovesExhausted, None));
        let mut request = new.request(&site);
        let proof = old.prove(0, &request.nonce);
        request =
            Activate { moves_from: Some(old.id()), request: proof.request(), proof: Some(proof), ..request };
        new.send(&world, request).await.expect("the holder itself asks");
        assert_eq!(shown(&world, old.id()).await.status, ActivationStatus::Superseded);
    })
    .await;
}

#[tokio::test]
async fn no_more_are_in_move_grace_than_there_are_slots() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut homes: Vec<_> = (0..3).map(|i| Installation::new(&format!("c{i}"))).collect();
        homes[0].activate(&world, &site).await.unwrap();
        for i in 1..3 {
            world.clock.advance(Seconds(10));
            let from = homes[i - 1].id();
            homes[i].move_from(&world, &site, from).await.unwrap();
        }
        assert_eq!(refused(homes[0].heartbeat(&world).await), ErrorCode::ActivationSuperseded);
        homes[1].heartbeat(&world).await.expect("the newest is in its grace");
    })
    .await;
}

#[tokio::test]
async fn an_operator_moves_before_the_new_installation_asks() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let (mut old, mut new, mut other) =
            (Installation::new("c1"), Installation::new("c2"), Installation::new("c3"));
        old.activate(&world, &site).await.unwrap();
        let to = MoveTo { fingerprint: "c2".to_owned(), kind: None, name: None };
        let moved =
            world.authority.move_activation(operator(), old.id(), to.clone()).await.unwrap().activation;
        assert_eq!(counts(&world, &site).await, (1, 1));
        assert_eq!(refused(other.activate(&world, &site).await), ErrorCode::ActivationLimitReached);
        let activated = new.activate(&world, &site).await.unwrap();
        assert_eq!(activated.activation.id, moved.id);
        new.heartbeat(&world).await.unwrap();
        let again = world.authority.move_activation(operator(), old.id(), to).await;
        assert_eq!(again.err().unwrap().code(), ErrorCode::WrongState);
    })
    .await;
}
