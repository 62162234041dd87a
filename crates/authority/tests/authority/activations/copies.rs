//! Two holders of one credential.

use kaching_authority::domain::{licenses::Draft, terms::EditPolicy};
use kaching_base::{CopyPolicy, ErrorCode, Seconds};
use kaching_testkit::World;

use super::setting::{Installation, Site, entries, operator, refused};

#[tokio::test]
async fn both_copies_are_refused_until_an_operator_decides() {
    World::each(|world| async move {
        let policy = EditPolicy { copies: Some(CopyPolicy::Refuse), ..EditPolicy::default() };
        let site = Site::new(&world, 1, Draft { policy, ..Draft::default() }).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let mut copy = one.clone();
        one.heartbeat(&world).await.unwrap();
        let mut codes = Vec::new();
        for round in 0..6 {
            world.clock.advance(Seconds(150));
            let holder = if round % 2 == 0 { &mut copy } else { &mut one };
            // Both copies draw other nonces from here on.
            holder.fingerprint = "c1".to_owned();
            for _ in 0..round {
                holder.draw();
            }
            if let Err(refusal) = holder.heartbeat(&world).await {
                codes.push(refusal.refused.code);
                if refusal.refused.code == ErrorCode::CredentialInvalid {
                    let _ = holder.activate(&world, &site).await;
                }
            }
        }
        assert_eq!(codes.last(), Some(&ErrorCode::CopySuspected), "{codes:?}");
        let log = entries(&world, one.id()).await;
        let sightings: Vec<_> = log
            .iter()
            .filter(|(action, _)| action == "activation.two_holders")
            .map(|(_, code)| code)
            .collect();
        let stopping = sightings.iter().filter(|code| code.as_deref() == Some("copy_suspected")).count();
        assert!(sightings.len() > 1 && stopping == 1, "one of them says that both are refused: {log:?}");
        assert_eq!(refused(one.activate(&world, &site).await), ErrorCode::CopySuspected);
        assert_eq!(refused(copy.heartbeat(&world).await), ErrorCode::CopySuspected);
        world.authority.release_activation(operator(), one.id(), None).await.unwrap();
        one.activate(&world, &site).await.expect("the operator decided");
        one.heartbeat(&world).await.unwrap();
    })
    .await;
}

/// Too close to each other to tell a copy from a request that was under way; the client warns all the same, and what it
/// names shows who displaced whom.
#[tokio::test]
async fn starts_that_displace_each_other_within_a_minute_are_detected_by_their_activation() {
    World::each(|world| async move {
        let policy = EditPolicy { copies: Some(CopyPolicy::Refuse), ..EditPolicy::default() };
        let site = Site::new(&world, 1, Draft { policy, ..Draft::default() }).await;
        let mut one = Installation::new("c1");
        let mut other = Installation::new("c1");
        // It draws other nonces.
        for _ in 0..100 {
            other.draw();
        }
        one.activate(&world, &site).await.unwrap();
        for _ in 0..3 {
            world.clock.advance(Seconds(5));
            other.activate(&world, &site).await.unwrap();
            world.clock.advance(Seconds(5));
            assert_eq!(refused(one.heartbeat(&world).await), ErrorCode::CredentialInvalid);
            one.activate(&world, &site).await.unwrap();
        }
        one.heartbeat(&world).await.expect("nobody is refused");
        let log = entries(&world, one.id()).await;
        let activated = log.iter().filter(|(action, _)| action == "activation.activate").count();
        assert_eq!(activated, 7, "{log:?}");
    })
    .await;
}
