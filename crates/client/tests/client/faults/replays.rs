//! Answers that are genuine, and come too late.

use kaching_base::ErrorCode;
use kaching_client::State;

use super::Faulty;
use crate::{
    proxy::{
        Fault::{Instead, Served},
        Genuine,
        Piece::{self, Bytes, Close, Reset},
    },
    world::{until, until_active, until_refused},
};

/// The last answer of the same path that has a text in it.
fn last(it: &Genuine<'_>, text: &str) -> Vec<Piece> {
    let path = |path: &str| path.split('?').next().map(str::to_owned);
    let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
    let found = it.past.iter().rfind(|(past, bytes)| path(past) == path(it.path) && has(bytes));
    found.map_or_else(|| vec![Close], |(_, answer)| vec![Bytes(answer.clone())])
}

#[test]
fn a_refusal_from_before_the_reinstatement_stops_nothing() {
    let faulty = Faulty::new();
    let guard = faulty.running();
    faulty.world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    guard.heartbeat_now();
    faulty.world.authority.suspend(None);
    until_active(&guard);
    for path in ["/v1/changes", "/v1/heartbeat", "/v1/catalogue", "/"] {
        faulty.proxy.set(path, Instead(|it| last(it, "license_suspended")));
        for _ in 0..5 {
            guard.heartbeat_now();
            guard.check().unwrap();
        }
        faulty.proxy.lift();
        until_active(&guard);
    }
}

#[test]
fn a_lease_from_before_the_suspension_starts_nothing() {
    let faulty = Faulty::new();
    let guard = faulty.running();
    guard.heartbeat_now();
    faulty.world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    faulty.proxy.set("/", Instead(|it| last(it, "lease")));
    for _ in 0..5 {
        let state = guard.heartbeat_now();
        assert!(matches!(state, State::Refused { .. }), "{state:?}");
    }
    drop(guard);
    faulty.builder().start().err().expect("the stop is on disk");
}

/// An answer to the very bytes that are sent, held back until the time without contact is almost over.
#[test]
fn an_answer_that_was_held_back_extends_nothing() {
    let faulty = Faulty::new();
    let guard = faulty.running();
    faulty.proxy.set("/v1/heartbeat", Served(|_| vec![Close]));
    guard.heartbeat_now();
    until(&guard, |state| matches!(state, State::Offline { .. }));
    faulty.proxy.set("/", Instead(|_| vec![Reset]));
    faulty.world.clock.advance(259_000);
    guard.check().unwrap();
    faulty.proxy.set("/v1/heartbeat", Instead(|it| last(it, "lease")));
    for _ in 0..5 {
        guard.heartbeat_now();
    }
    faulty.world.clock.advance(1_200);
    guard.check().unwrap_err();
    faulty.proxy.lift();
    until_active(&guard);
}

#[test]
fn a_refusal_that_was_held_back_stops_nothing() {
    let faulty = Faulty::new();
    faulty.world.authority.change(|desk| desk.events = false);
    // No poll that waits at the authority announces it.
    faulty.proxy.set("/v1/changes", Instead(|_| vec![Close]));
    let guard = faulty.running();
    faulty.proxy.set("/v1", Served(|_| vec![Close]));
    faulty.world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    guard.heartbeat_now();
    until(&guard, |state| matches!(state, State::Offline { .. }));
    faulty.proxy.set("/", Instead(|_| vec![Reset]));
    faulty.world.authority.suspend(None);
    faulty.world.clock.advance(3_600);
    faulty.proxy.set("/", Instead(|it| last(it, "license_suspended")));
    for _ in 0..5 {
        guard.heartbeat_now();
        guard.check().unwrap();
    }
    faulty.proxy.lift();
    until_active(&guard);
}
