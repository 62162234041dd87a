//! Listeners get the changes of their license once and in order, or a new snapshot after a gap.

use std::sync::Arc;

use kaching_authority::{
    At, Authority, Bearer, Sight, Upgrade,
    changes::{Change, ListenMode, Listener, News, Notification},
    domain::licenses::Draft,
};
use kaching_base::{ActivationId, Seconds};
use kaching_license::Moment;
use kaching_testkit::{Engine, World};
use tokio::task::JoinSet;

use super::setting::{Installation, Site, database, following, operator, shown, trusted};

/// A stream whose first look is done, and the lease that opened it.
struct Open {
    listener: Listener,
    lease: String,
}

impl Open {
    async fn of(world: &World, site: &Site, one: &mut Installation) -> Self {
        let lease = one.activate(world, site).await.unwrap().lease;
        let bearer = world.authority.bearer(&lease).await.unwrap();
        let listener = world.authority.listen(bearer, ListenMode::Stream);
        let first = world.authority.snapshot(&listener, bearer.rev).await.unwrap();
        assert_eq!((first.rev, first.refusal, first.within_ms), (bearer.rev, None, None));
        Self { listener, lease }
    }

    async fn news(&self) -> Arc<News> {
        match self.listener.next().await {
            Notification::News(news) => news,
            other => panic!("{other:?}"),
        }
    }

    async fn look(&self, world: &World) -> Change {
        world.authority.snapshot(&self.listener, self.listener.bearer().rev).await.unwrap()
    }

    /// The code of a pushed refusal that the holder of this lease acts on.
    fn code(&self, world: &World, change: &Change) -> String {
        let keyset = trusted(&world.authority);
        let held = keyset.verify_lease(&self.lease, &Default::default(), Moment::Inspect).unwrap();
        let statement = change.refusal.as_ref().expect("a refusal");
        let refusal = keyset.verify_pushed(statement, &held, world.authority.now()).unwrap();
        refusal.code.as_str().to_owned()
    }
}

async fn suspend(authority: &Authority, site: &Site) {
    authority.suspend_license(operator(), site.license.to_string(), "unpaid".to_owned()).await.unwrap();
}

async fn reinstate(authority: &Authority, site: &Site) {
    authority.reinstate_license(operator(), site.license.to_string()).await.unwrap();
}

async fn upgrade(authority: &Authority, site: &Site) {
    let upgrade = Upgrade { plan: "enterprise".to_owned(), at: At::Now, force: false };
    authority.upgrade_license(operator(), site.license.to_string(), upgrade).await.unwrap();
}

/// The value of a metric.
fn metric(world: &World, name: &str) -> u64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &world.registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

const LOOKS: &str = "kaching_db_transactions_total{name=\"changes.look\",kind=\"Read\",outcome=\"done\"}";
const READS: &str = "kaching_db_transactions_total{name=\"changes.tell\",kind=\"Read\",outcome=\"done\"}";
const SIGNED: &str = "kaching_changes_refusals_signed_total";
const GAPS: &str = "kaching_changes_gaps_total";

#[tokio::test]
async fn a_release_notifies_the_released_installation() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let (mut one, mut other) = (Installation::new("c1"), Installation::new("c2"));
        let (mine, theirs) =
            (Open::of(&world, &site, &mut one).await, Open::of(&world, &site, &mut other).await);
        following(&world.authority, async {
            world.authority.release_activation(operator(), one.id(), None).await.unwrap();
            let news = mine.news().await;
            assert_eq!(mine.code(&world, news.change()), "activation_released");
            upgrade(&world.authority, &site).await;
            let hint = theirs.news().await;
            assert_eq!(
                (hint.change().rev, &hint.change().refusal),
                (3, &None),
                "there was no notification before it"
            );
            assert_eq!(hint.change().within_ms, Some(50));
            assert_eq!(mine.news().await.change().refusal, None, "the license itself refuses nothing");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_moved_installation_is_notified_of_the_move_and_of_the_end_of_its_grace() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let (mut old, mut new) = (Installation::new("c1"), Installation::new("c2"));
        let open = Open::of(&world, &site, &mut old).await;
        following(&world.authority, async {
            new.move_from(&world, &site, old.id()).await.unwrap();
            let hint = open.news().await;
            assert_eq!((hint.change().rev, &hint.change().refusal), (2, &None), "it is in its grace");
            assert_eq!(hint.change().within_ms, Some(0));
            let reopened = open.listener.bearer();
            let later =
                Open { listener: world.authority.listen(reopened, ListenMode::Stream), lease: open.lease };
            assert!(
                matches!(open.listener.next().await, Notification::Ended),
                "the newer stream ends the older"
            );
            assert_eq!(later.look(&world).await.refusal, None);
            world.clock.set(shown(&world, old.id()).await.move_ends_at.unwrap());
            assert!(matches!(later.listener.next().await, Notification::Resync), "its own time has come");
            let present = later.look(&world).await;
            assert_eq!(later.code(&world, &present), "activation_superseded");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_license_is_pushed_when_it_comes() {
    World::each(|world| async move {
        let site = Site::new(
            &world,
            1,
            Draft { term: Some(kaching_base::Term::of_days(2).unwrap()), ..Draft::default() },
        )
        .await;
        let open = Open::of(&world, &site, &mut Installation::new("c1")).await;
        let license = world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license;
        following(&world.authority, async {
            world.clock.set(license.end().unwrap());
            let news = open.news().await;
            assert_eq!(news.change().rev, 1, "the clock alone raises no revision");
            assert_eq!(news.change().at, license.end());
            assert!(news.change().refusal.is_some());
            assert_eq!(open.code(&world, news.change()), "license_expired");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_deactivation_is_pushed_to_its_own_stream() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let open = Open::of(&world, &site, &mut one).await;
        world.clock.advance(Seconds(1));
        following(&world.authority, async {
            one.deactivate(&world).await.unwrap();
            assert_eq!(open.code(&world, open.news().await.change()), "activation_deactivated");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_gets_only_the_newest_change() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let (mut slow, mut quick) = (Installation::new("c1"), Installation::new("c2"));
        let slow_one = Open::of(&world, &site, &mut slow).await;
        let quick_one = Open::of(&world, &site, &mut quick).await;
        following(&world.authority, async {
            for _ in 0..20 {
                suspend(&world.authority, &site).await;
                assert!(quick_one.news().await.change().refusal.is_some());
                reinstate(&world.authority, &site).await;
                assert!(quick_one.news().await.change().refusal.is_none());
            }
            let newest = slow_one.news().await;
            assert_eq!((newest.change().rev, &newest.change().refusal), (41, &None));

            // What is its own and what is everybody's say different things: it looks.
            world.authority.release_activation(operator(), slow.id(), None).await.unwrap();
            suspend(&world.authority, &site).await;
            while quick_one.news().await.change().refusal.is_none() {}
            reinstate(&world.authority, &site).await;
            while quick_one.news().await.change().refusal.is_some() {}
            assert!(matches!(slow_one.listener.next().await, Notification::Resync));
            let present = slow_one.look(&world).await;
            assert_eq!(slow_one.code(&world, &present), "activation_released");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_listeners_share_one_signature() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let open = Open::of(&world, &site, &mut Installation::new("c0")).await;
        let listeners: Vec<_> = (1..10_000_u32)
            .map(|n| {
                let mut id = [0; 16];
                id[..4].copy_from_slice(&n.to_be_bytes());
                let bearer = Bearer { activation: ActivationId::from_bytes(id), ..open.listener.bearer() };
                world.authority.listen(bearer, ListenMode::Stream)
            })
            .collect();
        let (looks, signed) = (metric(&world, LOOKS), metric(&world, SIGNED));
        following(&world.authority, async {
            suspend(&world.authority, &site).await;
            let first = open.news().await;
            let bytes = first.bytes(|change| change.refusal.clone().unwrap().into_bytes());
            for listener in &listeners {
                let Notification::News(news) = listener.next().await else { panic!("it is notified") };
                assert!(Arc::ptr_eq(&news, &first));
                let same = news.bytes(|_| panic!("it is written out once"));
                assert_eq!(same.as_ptr(), bytes.as_ptr());
            }
        })
        .await;
        assert_eq!((metric(&world, LOOKS), looks), (1, 1), "nobody looked but the one who began with it");
        assert_eq!(metric(&world, READS), 1, "the license was read once");
        assert_eq!(metric(&world, SIGNED), signed + 1);
        assert_eq!(metric(&world, "kaching_changes_listening"), 10_000);
        drop((open, listeners));
        assert_eq!(metric(&world, "kaching_changes_listening"), 0);
    })
    .await;
}

/// Changes the database behind the authority's back.
async fn meddle(world: &World, sql: &'static str) {
    let db = database(&world.database).await;
    db.write("test.meddle", move |tx| tx.execute(sql, &[])).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn all_listeners_resync_after_a_gap_or_a_restart_of_the_numbers() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let open = Open::of(&world, &site, &mut Installation::new("c1")).await;
        let meddling = [
            // Forgotten before this process read them.
            "update change_numbers set number = number + 3",
            // A database that was restored, before and after it has a new epoch.
            "update change_numbers set number = number - 2",
            "update settings set value = '2' where name = 'epoch'",
        ];
        following(&world.authority, async {
            for sql in meddling {
                meddle(&world, sql).await;
                assert!(matches!(open.listener.next().await, Notification::Resync), "{sql}");
                assert_eq!(open.look(&world).await.rev, 1);
            }
            suspend(&world.authority, &site).await;
            assert!(open.news().await.change().refusal.is_some(), "after all that a change is heard as ever");
        })
        .await;
        assert_eq!(metric(&world, GAPS), 3);
    })
    .await;
}

#[tokio::test]
async fn a_stopping_process_ends_its_listeners() {
    let world = World::on(Engine::Sqlite).await;
    let site = Site::plain(&world, 1).await;
    let open = Open::of(&world, &site, &mut Installation::new("c1")).await;
    world.authority.end_listening();
    assert!(matches!(open.listener.next().await, Notification::Ended));
    let late = world.authority.listen(open.listener.bearer(), ListenMode::Stream);
    assert!(matches!(late.next().await, Notification::Ended));
    let bearer = open.listener.bearer();
    let answer =
        world.authority.wait_for_change(bearer, 1, std::time::Duration::from_secs(50)).await.unwrap();
    assert_eq!(answer.rev, 1, "a question about the past is answered immediately");
}

#[tokio::test]
async fn a_change_of_one_replica_reaches_listeners_of_another() {
    let world = World::on(Engine::Postgres).await;
    let site = Site::plain(&world, 1).await;
    let mut one = Installation::new("c1");
    let lease = one.activate(&world, &site).await.unwrap().lease;
    let replica = world.replica(7).await;
    let bearer = replica.bearer(&lease).await.unwrap();
    let listener = replica.listen(bearer, ListenMode::Stream);
    let mut took = Vec::new();
    following(&replica, async {
        for _ in 0..10 {
            suspend(&world.authority, &site).await;
            let committed = tokio::time::Instant::now();
            let Notification::News(news) = listener.next().await else { panic!("it is notified") };
            took.push(committed.elapsed().as_millis());
            assert!(news.change().refusal.is_some());
            reinstate(&world.authority, &site).await;
            let Notification::News(news) = listener.next().await else { panic!("it is notified") };
            assert!(news.change().refusal.is_none());
            let question =
                replica.wait_for_change(bearer, news.change().rev, std::time::Duration::from_secs(50));
            let (answer, ()) = tokio::join!(question, upgrade_terms(&world, &site));
            assert_eq!(answer.unwrap().rev, news.change().rev + 1);
            listener.next().await;
        }
    })
    .await;
    println!("from the commit on one replica to the listener on another, in ms: {took:?}");
}

/// A change of no more than a date.
async fn upgrade_terms(world: &World, site: &Site) {
    let renewal = kaching_authority::Renewal {
        term: Some(kaching_base::Term::of_days(1).unwrap()),
        ..Default::default()
    };
    world.authority.renew_license(operator(), site.license.to_string(), renewal).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_under_constant_change_ends_with_the_newest_state() {
    World::each(|world| async move {
        let site = Site::plain(&world, 20).await;
        let world = Arc::new(world);
        let mut opened = Vec::new();
        for i in 0..20 {
            opened.push(Open::of(&world, &site, &mut Installation::new(&format!("c{i}"))).await);
        }
        let mut changing = JoinSet::new();
        for _ in 0..4 {
            let (world, site) = (Arc::clone(&world), site.clone());
            changing.spawn(async move {
                for _ in 0..10 {
                    upgrade_terms(&world, &site).await;
                }
            });
        }
        following(&world.authority, async {
            for open in &opened {
                let mut known = 0;
                while known < 41 {
                    let Notification::News(news) = open.listener.next().await else {
                        panic!("it is notified")
                    };
                    assert!(news.change().rev >= known, "never back");
                    known = news.change().rev;
                }
            }
        })
        .await;
        changing.join_all().await;
    })
    .await;
}
