//! Deactivations by a credential that displaced a holder: the key alone never stops or multiplies installations.

use kaching_authority::{
    Sight,
    activations::Activate,
    domain::{ActivationStatus, licenses::Draft, terms::EditPolicy},
};
use kaching_base::{ErrorCode, Seconds};
use kaching_testkit::World;

use super::setting::{Installation, Site, counts, entries, read_lease, refused, shown};

async fn with_moves(world: &World, moves: i64) -> Site {
    let policy = EditPolicy { moves: Some(moves), ..EditPolicy::default() };
    Site::new(world, 1, Draft { policy, ..Draft::default() }).await
}

/// A holder, and a copy of its fingerprint that was activated by the key alone.
async fn displaced(world: &World, site: &Site) -> (Installation, Installation) {
    displaced_in(world, site, 0).await
}

async fn displaced_in(world: &World, site: &Site, round: u64) -> (Installation, Installation) {
    let (mut holder, mut copy) = (Installation::new("c1"), Installation::new("c1"));
    holder.salt(2 * round);
    holder.activate(world, site).await.unwrap();
    world.clock.advance(Seconds(5));
    copy.salt(2 * round + 1);
    copy.activate(world, site).await.unwrap();
    (holder, copy)
}

#[tokio::test]
async fn a_deactivation_by_the_key_alone_is_a_move() {
    World::each(|world| async move {
        let site = with_moves(&world, 1).await;
        let (mut holder, mut copy) = displaced(&world, &site).await;
        let revision =
            world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license.revision;
        copy.deactivate(&world).await.unwrap();
        assert_eq!(counts(&world, &site).await, (0, 0), "the slot is free");
        let after =
            world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license.revision;
        assert_eq!(after, revision + 1, "a push of the same second counts for the displaced one");
        Installation::new("c2").activate(&world, &site).await.expect("the next one may use it");

        let ends_at = shown(&world, holder.id()).await.move_ends_at.unwrap();
        world.clock.advance(Seconds(600));
        let beat = holder.beat();
        let request = beat.proof.request();
        let lease = holder.send_heartbeat(&world, beat).await.expect("it runs on for the move grace").lease;
        let lease = read_lease(&world, &lease, request);
        assert_eq!((lease.exp, lease.run_until), (ends_at, ends_at), "and no longer");
        assert_eq!(refused(copy.heartbeat(&world).await), ErrorCode::ActivationDeactivated);
        world.clock.set(ends_at);
        for _ in 0..3 {
            assert_eq!(refused(holder.heartbeat(&world).await), ErrorCode::ActivationSuperseded);
        }
        let log = entries(&world, holder.id()).await;
        let stops = log.iter().filter(|(_, code)| code.as_deref() == Some("activation_superseded")).count();
        assert_eq!(stops, 1, "repeats leave no entry");
        let sightings = log.iter().filter(|(action, _)| action == "activation.two_holders").count();
        assert_eq!(sightings, 0, "a move is no copy");
    })
    .await;
}

#[tokio::test]
async fn without_moves_the_slot_stays_held_for_its_fingerprint() {
    World::each(|world| async move {
        let site = with_moves(&world, 0).await;
        let (mut holder, mut copy) = displaced(&world, &site).await;
        let run_until = shown(&world, holder.id()).await.run_until;
        let nonce = copy.draw();
        let ask = copy.give_back(&nonce);
        copy.send_back(&world, ask.clone()).await.expect("giving back is accepted");
        copy.send_back(&world, ask).await.expect("and a repeat is, too");
        assert_eq!(counts(&world, &site).await, (1, 1));
        let mut other = Installation::new("c2");
        assert_eq!(refused(other.activate(&world, &site).await), ErrorCode::ActivationLimitReached);
        for who in [&mut copy, &mut holder] {
            assert_eq!(refused(who.heartbeat(&world).await), ErrorCode::CredentialInvalid);
        }
        holder.salt(7);
        holder.activate(&world, &site).await.expect("a container that lost its state loses nothing");
        holder.heartbeat(&world).await.unwrap();
        let displaced_until = shown(&world, holder.id()).await.displaced_until.unwrap();
        assert!(displaced_until >= run_until - Seconds(5));
        world.clock.set(displaced_until + Seconds(1));
        holder.heartbeat(&world).await.unwrap();
        holder.deactivate(&world).await.unwrap();
        other.activate(&world, &site).await.expect("nobody can run by the displaced leases any more");
    })
    .await;
}

#[tokio::test]
async fn a_held_slot_is_free_when_the_displaced_lease_has_ended() {
    World::each(|world| async move {
        let site = with_moves(&world, 0).await;
        let (holder, mut copy) = displaced(&world, &site).await;
        copy.deactivate(&world).await.unwrap();
        let lapses_at = shown(&world, holder.id()).await.lapses_at().unwrap();
        world.clock.set(lapses_at);
        Installation::new("c2").activate(&world, &site).await.unwrap();
        assert_eq!(shown(&world, holder.id()).await.status, ActivationStatus::Lapsed);
    })
    .await;
}

#[tokio::test]
async fn moves_by_deactivation_are_counted_with_the_others() {
    World::each(|world| async move {
        let site = with_moves(&world, 2).await;
        for round in 0..2 {
            let (_, mut copy) = displaced_in(&world, &site, round).await;
            copy.deactivate(&world).await.unwrap();
            assert_eq!(counts(&world, &site).await.0, 0, "move {round}");
            world.clock.advance(Seconds(1000));
        }
        let (_, mut copy) = displaced_in(&world, &site, 2).await;
        copy.deactivate(&world).await.unwrap();
        assert_eq!(counts(&world, &site).await.0, 1, "the third one is held");
        let mut other = Installation::new("c2");
        let from = copy.id();
        assert_eq!(refused(other.move_from(&world, &site, from).await), ErrorCode::MovesExhausted);
    })
    .await;
}

#[tokio::test]
async fn a_credential_of_the_key_alone_moves_as_the_key_does() {
    World::each(|world| async move {
        let site = with_moves(&world, 0).await;
        let (_, copy) = displaced(&world, &site).await;
        let mut other = Installation::new("c2");
        let request = other.request(&site);
        let proof = copy.prove(0, &request.nonce);
        let request =
            Activate { moves_from: Some(copy.id()), request: proof.request(), proof: Some(proof), ..request };
        assert_eq!(refused(other.send(&world, request).await), ErrorCode::MovesExhausted);
    })
    .await;
}

#[tokio::test]
async fn a_deactivation_ends_no_move_grace_of_another() {
    World::each(|world| async move {
        let site = with_moves(&world, 2).await;
        let (mut holder, mut copy) = displaced(&world, &site).await;
        let from = copy.id();
        Installation::new("c2").move_from(&world, &site, from).await.unwrap();
        copy.deactivate(&world).await.unwrap();
        holder.heartbeat(&world).await.expect("the displaced holder is in its grace");
    })
    .await;
}

#[tokio::test]
async fn a_holder_deactivates_its_own_slot() {
    World::each(|world| async move {
        let site = with_moves(&world, 0).await;
        let mut holder = Installation::new("c1");
        holder.activate(&world, &site).await.unwrap();
        holder.deactivate(&world).await.unwrap();
        assert_eq!(refused(holder.heartbeat(&world).await), ErrorCode::ActivationDeactivated);
        Installation::new("c2").activate(&world, &site).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_a_real_move_is_no_new_installation() {
    World::each(|world| async move {
        let site = Site::plain(&world, 3).await;
        let (mut gone, mut holder) = (Installation::new("c1"), Installation::new("c2"));
        gone.activate(&world, &site).await.unwrap();
        gone.deactivate(&world).await.unwrap();
        holder.activate(&world, &site).await.unwrap();
        let mut other = Installation::new("c3");
        let asks = |from: &Installation, other: &mut Installation| Activate {
            moves_from: Some(from.id()),
            admits_new: false,
            ..other.request(&site)
        };
        let evading = asks(&gone, &mut other);
        assert_eq!(refused(other.send(&world, evading).await), ErrorCode::RateLimited);
        let real = asks(&holder, &mut other);
        let activated = other.send(&world, real).await.expect("it takes the place of another");
        assert!(!activated.first);
    })
    .await;
}
