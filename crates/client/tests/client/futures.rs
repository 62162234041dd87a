//! The calls as futures.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use kaching_base::ErrorCode;
use kaching_client::{LicenseKey, State, testing::FakeLicense};

use crate::world::{DEADLINE, KEY, World};

#[tokio::test]
async fn it_starts_beats_and_ends_without_holding_the_task() {
    let world = World::new();
    let guard = world.builder().start_async().await.unwrap();
    guard.record("jobs", 5).unwrap();
    assert!(matches!(guard.heartbeat_async().await, State::Active { .. }));
    let beat = world.authority.until(|desk| desk.beats.first().cloned());
    assert_eq!(beat.body["usage"][0]["amount"], 5);
    assert!(guard.validate_async(LicenseKey::new(KEY), None).await.unwrap().valid);
    guard.shutdown_async().await.unwrap();
    assert!(guard.watch().closed());

    let guard = world.builder().start_async().await.unwrap();
    guard.activate_async(LicenseKey::new("CHORUS-OTHER")).await.unwrap_err();
    guard.deactivate_async().await.unwrap();
    guard.check().unwrap_err();
}

#[tokio::test]
async fn a_change_and_the_end_are_awaited() {
    let (guard, control) = FakeLicense::new("team").start();
    let mut watch = guard.watch();
    assert!(matches!(watch.changed().await, Some(State::Active { .. })), "the present state comes first");
    let watching = tokio::spawn(async move {
        let change = watch.changed().await;
        (change, watch)
    });
    control.refuse(ErrorCode::LicenseRevoked);
    let (change, mut watch) = tokio::time::timeout(DEADLINE, watching).await.unwrap().unwrap();
    assert_eq!(change, Some(State::Refused { code: ErrorCode::LicenseRevoked.into() }));
    let watching = tokio::spawn(async move { watch.changed().await });
    guard.shutdown_async().await.unwrap();
    assert_eq!(tokio::time::timeout(DEADLINE, watching).await.unwrap().unwrap(), None);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_watch_needs_no_runtime_and_one_that_is_dropped_misses_nothing() {
    let (guard, control) = FakeLicense::new("team").start();
    let mut watch = guard.watch();
    watch.next(Duration::ZERO).unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    {
        let mut changed = pin!(watch.changed());
        assert_eq!(changed.as_mut().poll(&mut cx), Poll::Pending);
    }
    control.refuse(ErrorCode::LicenseSuspended);
    assert_eq!(woken.0.load(Ordering::SeqCst), 0, "a dropped future is not woken");
    let mut changed = pin!(watch.changed());
    assert!(matches!(changed.as_mut().poll(&mut cx), Poll::Ready(Some(State::Refused { .. }))));
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_goes_on_to_its_end() {
    let world = World::new();
    let guard = world.builder().start_async().await.unwrap();
    let mut once = pin!(guard.heartbeat_async());
    // Asked once, and never again.
    poll_fn(|cx| {
        let _ = once.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
    world.authority.until(|desk| desk.beats.first().map(drop));
    guard.check().unwrap();
}

#[tokio::test]
async fn a_start_whose_future_is_dropped_gives_the_directory_back() {
    let world = World::new();
    {
        let mut start = pin!(world.builder().start_async());
        poll_fn(|cx| {
            let _ = start.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
    }
    world.authority.until(|desk| (desk.generation == 1).then_some(()));
    // The next start either takes the directory immediately, or follows the last process until that is gone.
    let guard = world.builder().start_async().await.unwrap();
    guard.check().unwrap();
    crate::world::eventually("holding the directory", || {
        guard.heartbeat_now();
        !world.authority.desk().beats.is_empty()
    });
}
