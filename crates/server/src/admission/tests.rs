use super::*;

fn gate(places: u32, most_waiting: u32, longest_wait_ms: u32) -> Gate {
    let settings = LimitSettings {
        heartbeats_at_once: places,
        most_waiting,
        longest_wait_ms,
        ..crate::config::Config::read("", &std::collections::BTreeMap::new(), |_| unreachable!())
            .unwrap()
            .limits
    };
    Admission::new(&settings, &Metrics::new(&mut prometheus_client::registry::Registry::default())).heartbeats
}

const LONG: u32 = 600_000;

#[tokio::test]
async fn a_waiting_call_is_served_when_a_place_is_free() {
    let gate = gate(1, 2, LONG);
    let first = gate.enter().await.unwrap();
    let leaves = async {
        while gate.waiting.get() == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
    };
    let (second, ()) = tokio::join!(gate.enter(), leaves);
    assert!(second.is_some());
    assert_eq!(gate.waiting.get(), 0);
}

#[tokio::test]
async fn a_call_that_waited_too_long_is_refused() {
    let gate = gate(1, 2, 1);
    let _first = gate.enter().await.unwrap();
    assert!(gate.enter().await.is_none(), "nobody gave a place back");
    assert_eq!(gate.waiting.get(), 0);
}

#[tokio::test]
async fn a_full_queue_admits_nobody_and_a_disconnected_caller_leaves_it() {
    let gate = gate(1, 2, LONG);
    let _first = gate.enter().await.unwrap();
    let line = async { tokio::join!(gate.enter(), gate.enter()) };
    let third = async {
        while gate.waiting.get() < 2 {
            tokio::task::yield_now().await;
        }
        gate.enter().await
    };
    tokio::select! {
        biased;
        _ = line => panic!("there is no place"),
        third = third => assert!(third.is_none(), "it is answered immediately"),
    }
    assert_eq!(gate.waiting.get(), 0, "nobody is left in the line");
}

#[test]
fn the_more_are_sent_away_the_wider_they_are_spread() {
    let mut load = Load::default();
    let mut count = |served: u64, shed: u64| {
        (0..served).for_each(|_| load.served.count(0));
        (0..shed).for_each(|_| load.shed.count(0));
        load.spread(0)
    };
    assert_eq!(count(1000, 1), 2);
    assert_eq!(count(0, 199), 4);
    assert_eq!(count(0, 5000), LONGEST_SPREAD);
    let mut blocked = Load::default();
    blocked.shed.count(0);
    assert_eq!(blocked.spread(0), LONGEST_SPREAD, "nothing is served at all");
}

#[test]
fn pressure_is_the_rate_of_calls_relative_to_the_limit() {
    let mut load = Load::default();
    (0..300).for_each(|_| load.served.count(0));
    assert_eq!(load.pressure(0, 0), 1000, "nobody was sent away");
    assert_eq!(load.pressure(0, 20), 1500, "30 a second where 20 should come");
    assert_eq!(load.pressure(0, 60), 500);
    (0..60).for_each(|_| load.shed.count(0));
    assert_eq!(load.pressure(0, 0), 1200, "300 of 360 could be served");
    assert_eq!(load.pressure(20, 0), 1000, "that is over");
}
