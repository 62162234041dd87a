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
        let sightings = entries(&world, one.id()).await;
        assert!(sightings.iter().any(|(action, _)| action == "activation.two_holders"), "{sightings:?}");
        assert_eq!(refused(one.activate(&world, &site).await), ErrorCode::CopySuspected);
        assert_eq!(refused(copy.heartbeat(&world).await), ErrorCode::CopySuspected);
        world.authority.release_activation(operator(), one.id(), None).await.unwrap();
        one.activate(&world, &site).await.expect("the operator decided");
        one.heartbeat(&world).await.unwrap();
    })
    .await;
}
