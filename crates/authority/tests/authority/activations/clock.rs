//! Clocks that jump or have run ahead, and how an operator accepts them.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use kaching_authority::{
    Actor, AuditFilter, Clock as _, Cx, Error, List, NewCustomer, NewLicense, Sight, domain::licenses::Draft,
};
use kaching_base::{ErrorCode, LeaseAlgorithm, Seconds, Timestamp};
use kaching_testkit::World;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::{
    backups::back_up,
    setting::{Installation, Site, database, operator, read_lease},
};

fn days(days: i64) -> Seconds {
    Seconds::days(days)
}

/// Returns the sentence about a wrong clock in an error.
fn sentence(error: &Error) -> String {
    assert_eq!(error.code(), ErrorCode::Overloaded, "{error}");
    error.out_of_order().expect("the problem is reported").to_owned()
}

/// Returns the answer to a heartbeat that is not repeated.
async fn unanswered_heartbeat(world: &World, installation: &Installation) -> String {
    let beat = installation.clone().beat();
    sentence(&world.authority.heartbeat(Cx::of(Actor::Client), beat).await.err().expect("nothing is dated"))
}

#[tokio::test]
async fn a_clock_jump_is_detected_and_ends_when_the_clock_returns() {
    World::each(|world| async move {
        let site = Site::plain(&world, 3).await;
        let mut one = Installation::new("first");
        one.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
        world.authority.store_time().await.unwrap();
        for jump in [days(30), Seconds(61), Seconds(-61), days(-30)] {
            world.clock.jump(jump);
            let reason = sentence(&world.authority.ready().await.unwrap_err());
            assert!(reason.contains("clock accept"), "{reason}");
            unanswered_heartbeat(&world, &one).await;
            let new = NewCustomer { name: "Acme".to_owned(), ..NewCustomer::default() };
            sentence(&world.authority.create_customer(operator(), new).await.unwrap_err());
            assert!(world.authority.store_time().await.is_err(), "nor is it stored");
            assert_eq!(world.authority.run_jobs().await.unwrap(), 0, "nothing is due by it");
            back_up(&world, &format!("after {}", jump.0), None).await;
            world.authority.stats(&Sight::All).await.expect("reading goes on");
            world.clock.jump(Seconds(-jump.0));
            world.authority.ready().await.expect("it returned");
        }
        one.heartbeat(&world).await.unwrap_or_else(|_| panic!("it runs"));
    })
    .await;
}

#[tokio::test]
async fn a_clock_step_within_the_tolerance_refuses_nothing_new() {
    World::each(|world| async move {
        world.clock.advance(Seconds(60));
        world.authority.store_time().await.unwrap();
        let site = Site::plain(&world, 3).await;
        world.authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
        world.clock.jump(Seconds(-4));
        let mut one = Installation::new("first");
        one.activate(&world, &site).await.unwrap_or_else(|_| panic!("its license has started"));
        one.heartbeat(&world).await.unwrap_or_else(|_| panic!("it runs"));
        world.clock.jump(Seconds(-1));
        one.heartbeat(&world).await.unwrap_or_else(|_| panic!("also by the clock of another server"));
        assert_eq!(world.authority.stats(&Sight::All).await.unwrap().not_started, 0);
        world.authority.ready().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_once_ran_ahead_is_accepted_and_installations_go_on() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 3).await;
        let (mut old, mut new) = (Installation::new("old"), Installation::new("new"));
        old.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
        world.authority.store_time().await.unwrap();
        let right = world.clock.now();
        // As at a start after a boot with a wrong date: nobody can notice.
        world.clock.advance(days(6));
        world.authority.store_time().await.unwrap();
        let new_license = NewLicense {
            customer: "CUST-001".to_owned(),
            product: "chorus".to_owned(),
            plan: "team".to_owned(),
            key_format: None,
            draft: Draft::default(),
        };
        let made = world.authority.create_license(operator(), new_license).await.unwrap();
        let ahead = Site { license: made.license.id, key: made.key.unwrap() };
        new.activate(&world, &ahead).await.unwrap_or_else(|_| panic!("a slot is free"));
        world.authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap();
        old.heartbeat(&world).await.unwrap_or_else(|_| panic!("it runs"));
        let before = world.authority.keys();
        world.authority.close().await;

        world.clock.set(right + Seconds(60));
        // What a start has to bring up to date decides nothing by the time.
        let stale = "delete from settings where name in ('domains_respelled', 'search_index')";
        let db = database(&world.database).await;
        db.write("test.stale", move |tx| tx.execute(stale, &[])).await.unwrap();
        db.close().await;
        world.authority = world.replica(78).await;
        let reason = sentence(&world.authority.ready().await.unwrap_err());
        assert!(reason.contains("behind") && reason.contains("ran ahead"), "both possibilities: {reason}");
        world.authority.stats(&Sight::All).await.expect("it reads");
        back_up(&world, "behind", None).await;
        unanswered_heartbeat(&world, &old).await;

        let replica = world.replica(77).await;
        assert!(replica.ready().await.is_err());
        let accepted = world.authority.accept_clock(operator()).await.unwrap();
        let epoch = accepted.epoch.expect("an epoch began");
        assert_eq!((accepted.now, accepted.newest), (right + Seconds(60), right + days(6)));
        for authority in [&*world.authority, &replica] {
            authority.follow_keys().await.unwrap();
            authority.ready().await.unwrap();
            assert_eq!(authority.keys().epoch, epoch);
        }
        assert!(epoch > before.epoch && world.authority.keys().version > before.version);
        for one in [&mut old, &mut new] {
            let beat = one.beat();
            let request = beat.proof.request();
            let renewed = one.send_heartbeat(&world, beat).await.unwrap_or_else(|_| panic!("it goes on"));
            let lease = read_lease(&world, &renewed.lease, request);
            assert_eq!((lease.iat, lease.epoch), (accepted.now, epoch), "dated by the present time");
        }
        let mut third = Installation::new("third");
        third.activate(&world, &ahead).await.unwrap_or_else(|_| panic!("that license has started, too"));
        let filter = AuditFilter { action: Some("clock.accept".to_owned()), ..AuditFilter::default() };
        let list = List { filter, ..List::default() };
        assert_eq!(world.authority.audit_entries(&Sight::All, list).await.unwrap().items.len(), 1);
        let again = world.authority.accept_clock(operator()).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::WrongState, "{again}");
        replica.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_jump_forward_is_accepted_without_an_epoch_or_a_root() {
    World::each(|world| async move {
        let site = Site::plain(&world, 3).await;
        let mut one = Installation::new("first");
        one.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
        let epoch = world.authority.keys().epoch;
        std::fs::rename(world.directory.path().join("root.key"), world.directory.path().join("away"))
            .unwrap();
        let replica = world.replica(77).await;
        // As after a pause of the virtual machine, of which its boot clock knows nothing.
        world.clock.jump(Seconds(7200));
        assert!(replica.ready().await.is_err());
        let accepted = world.authority.accept_clock(operator()).await.unwrap();
        assert_eq!((accepted.epoch, world.authority.keys().epoch), (None, epoch));
        world.authority.ready().await.unwrap();
        replica.ready().await.expect("another server on the same database learns of it");
        one.heartbeat(&world).await.unwrap_or_else(|_| panic!("it runs"));
        // Back again is a matter of the root.
        world.clock.jump(Seconds(-7200));
        let refusal = world.authority.accept_clock(operator()).await.unwrap_err();
        assert!(
            refusal.code() == ErrorCode::WrongState && refusal.to_string().contains("root.key"),
            "{refusal}"
        );
        unanswered_heartbeat(&world, &one).await;
        replica.close().await;
    })
    .await;
}

/// Keeps what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().push_str(&format!("{field}={value:?} "));
    }
}

#[tokio::test]
async fn a_start_long_after_the_newest_stored_time_names_both() {
    World::each(|world| async move {
        world.authority.store_time().await.unwrap();
        world.authority.close().await;
        for (off_for, warns) in [(7, false), (8, true)] {
            let newest = world.clock.now();
            world.clock.advance(days(off_for));
            let log = Log::default();
            let listening = tracing::subscriber::set_default(log.clone());
            let authority = world.replica(70 + u64::try_from(off_for).unwrap()).await;
            drop(listening);
            let said = log.0.lock().unwrap().clone();
            let names = |at: Timestamp| said.contains(&at.to_string());
            assert_eq!(names(newest) && names(world.clock.now()), warns, "{said}");
            authority.ready().await.expect("it is a warning, no more");
            authority.store_time().await.unwrap();
            authority.close().await;
        }
    })
    .await;
}
