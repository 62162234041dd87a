//! Questions that wait for a change.

use std::time::Duration;

use kaching_authority::{Bearer, Error};
use kaching_base::{ErrorCode, Seconds};
use kaching_license::Moment;
use kaching_testkit::World;

use super::setting::{Installation, Site, following, operator, trusted};

#[tokio::test]
async fn a_waiting_installation_learns_of_a_suspension_immediately() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let lease = one.activate(&world, &site).await.unwrap().lease;
        let bearer = world.authority.bearer(&lease).await.unwrap();
        let waiting = world.authority.wait_for_change(bearer, bearer.rev, Duration::from_secs(30));
        let suspending = async {
            // The one who waits has begun to.
            tokio::task::yield_now().await;
            let (license, reason) = (site.license.to_string(), "unpaid".to_owned());
            world.authority.suspend_license(operator(), license, reason).await.unwrap();
        };
        let (change, ()) = following(&world.authority, async { tokio::join!(waiting, suspending) }).await;
        let change = change.unwrap();
        assert_eq!(change.rev, bearer.rev + 1);
        assert!(change.within_ms.is_some());
        let keyset = trusted(&world.authority);
        let held = keyset.verify_lease(&lease, &Default::default(), Moment::Inspect).unwrap();
        let refusal = keyset.verify_pushed(&change.refusal.unwrap(), &held, world_now(&world)).unwrap();
        assert_eq!(refusal.code.as_str(), "license_suspended");
        let again = world.authority.wait_for_change(bearer, bearer.rev, Duration::ZERO).await.unwrap();
        assert!(again.refusal.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_wait_that_times_out_returns_the_present_state() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let lease = one.activate(&world, &site).await.unwrap().lease;
        let bearer = world.authority.bearer(&lease).await.unwrap();
        let change =
            world.authority.wait_for_change(bearer, bearer.rev, Duration::from_millis(20)).await.unwrap();
        assert_eq!((change.rev, change.refusal, change.within_ms), (bearer.rev, None, None));
    })
    .await;
}

#[tokio::test]
async fn only_a_running_lease_of_this_authority_is_accepted() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let lease = one.activate(&world, &site).await.unwrap().lease;
        let Bearer { activation, .. } = world.authority.bearer(&lease).await.unwrap();
        assert_eq!(activation, one.id());
        for text in ["", "a.b.c", &lease[..lease.len() - 4]] {
            assert_eq!(code(world.authority.bearer(text).await), ErrorCode::Unauthenticated, "{text}");
        }
        world.clock.advance(Seconds::days(4));
        assert_eq!(code(world.authority.bearer(&lease).await), ErrorCode::Unauthenticated);
    })
    .await;
}

fn code(result: Result<Bearer, Error>) -> ErrorCode {
    result.expect_err("it does not count").code()
}

fn world_now(world: &World) -> kaching_base::Timestamp {
    use kaching_authority::Clock as _;
    world.clock.now()
}
