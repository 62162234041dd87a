//! The phases of a client's life, each with one fault.

use kaching_base::ErrorCode;
use kaching_client::{Guard, StartError, State};

use super::{CALL, Effect, Faulty, Row, START, within};
use crate::world::{DEADLINE, eventually, until_active, until_refused};

/// A phase: what it is called, and what happens in it. It says what came of it in a word or two.
type Phase = (&'static str, fn(&Row) -> String);

const KEYSET: &str = "/.well-known/kaching";

pub(super) const PHASES: &[Phase] = &[
    ("first start", |row| first_start(row, "/")),
    ("keyset", |row| first_start(row, KEYSET)),
    ("activation", |row| first_start(row, "/v1/activate")),
    ("first start, suspended", refused_start),
    ("start with a lease", start_with_a_lease),
    ("heartbeat", heartbeat),
    ("poll", poll),
    ("stream", stream),
    ("catalogue", catalogue),
    ("suspended", suspended),
    ("deactivation", deactivation),
    ("shutdown", shutdown),
];

/// Without state a start ends in its time, and well only by what the authority has signed.
fn first_start(row: &Row, paths: &'static str) -> String {
    let faulty = Faulty::new();
    faulty.earlier_life();
    let generation = faulty.world.authority.desk().generation;
    faulty.proxy.set(paths, row.fault);
    let patience = if row.effect == Effect::Harmless { DEADLINE } else { START };
    let started = within("the start", patience, || faulty.builder().start_timeout(patience).start());
    let outcome = match &started {
        Ok(guard) => {
            // A keyset answers no request: an old one is as good as any other.
            assert!(row.effect != Effect::Cuts || paths == KEYSET, "it started without an answer");
            guard.check().unwrap();
            assert!(faulty.world.authority.desk().generation > generation, "nobody activated it");
            "starts".to_owned()
        }
        Err(error) => {
            assert!(row.effect != Effect::Harmless, "{error}");
            named(error)
        }
    };
    drop(started);
    faulty.proxy.lift();
    faulty.running().check().unwrap();
    outcome
}

/// A license that is suspended starts nothing under any fault.
fn refused_start(row: &Row) -> String {
    let faulty = Faulty::new();
    faulty.earlier_life();
    faulty.world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    faulty.proxy.set("/", row.fault);
    let error = within("the start", START, || faulty.builder().start()).err().unwrap();
    faulty.proxy.lift();
    let refused = faulty.builder().start_timeout(DEADLINE).start().err().unwrap();
    assert!(matches!(refused, StartError::Refused { .. }), "{refused}");
    faulty.world.authority.suspend(None);
    faulty.running().check().unwrap();
    named(&error)
}

/// With a lease on disk that still counts it starts, and reaches the authority again on its own.
fn start_with_a_lease(row: &Row) -> String {
    let faulty = Faulty::new();
    drop(faulty.running());
    faulty.proxy.set("/", row.fault);
    let guard = within("the start", START, || faulty.builder().start()).unwrap();
    let outcome = runs(&guard);
    faulty.lift(row, &guard);
    until_active(&guard);
    guard.check().unwrap();
    outcome
}

/// A heartbeat that fails stops nothing, holds nobody up, and counts once.
fn heartbeat(row: &Row) -> String {
    let faulty = Faulty::new();
    let guard = faulty.running();
    guard.record("jobs", 3).unwrap();
    faulty.proxy.set("/v1/heartbeat", row.fault);
    for _ in 0..2 {
        within("the heartbeat", CALL, || guard.heartbeat_now());
        guard.record("jobs", 4).unwrap();
    }
    let outcome = runs(&guard);
    faulty.lift(row, &guard);
    until_active(&guard);
    eventually("the usage", || {
        guard.heartbeat_now();
        used(&faulty) == 11
    });
    guard.check().unwrap();
    outcome
}

/// Usage as the authority has it, each number once.
fn used(faulty: &Faulty) -> u64 {
    let desk = faulty.world.authority.desk();
    let usage = desk.beats.iter().filter_map(|beat| beat.body["usage"].as_array()).flatten();
    let once: std::collections::BTreeMap<_, _> =
        usage.map(|usage| (usage["seq"].as_u64(), usage["amount"].as_u64().unwrap())).collect();
    once.values().sum()
}

/// A poll for changes that fails stops nothing; a suspension still arrives once polls are answered again.
fn poll(row: &Row) -> String {
    let faulty = Faulty::new();
    faulty.world.authority.change(|desk| desk.events = false);
    receives_changes(&faulty, row, "/v1/changes")
}

/// As a poll; a stream that fails before its first event leaves the guard with polls.
fn stream(row: &Row) -> String {
    receives_changes(&Faulty::new(), row, "/v1/events")
}

fn receives_changes(faulty: &Faulty, row: &Row, paths: &'static str) -> String {
    faulty.proxy.set(paths, row.fault);
    let guard = faulty.running();
    faulty.world.authority.change(|desk| desk.rev += 1);
    faulty.proxy.until_met(1);
    let outcome = runs(&guard);
    faulty.lift(row, &guard);
    until_active(&guard);
    faulty.world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    outcome
}

/// The catalogue is only shown: nothing depends on it, and what is shown is the one that the lease names.
fn catalogue(row: &Row) -> String {
    let faulty = Faulty::new();
    faulty.proxy.set("/v1/catalogue", row.fault);
    let guard = faulty.running();
    faulty.proxy.until_met(1);
    let outcome = runs(&guard);
    faulty.lift(row, &guard);
    eventually("the catalogue", || guard.license().contact.is_some());
    until_active(&guard);
    outcome
}

/// A stop stays until the authority itself takes it back.
fn suspended(row: &Row) -> String {
    let faulty = Faulty::new();
    let guard = faulty.running();
    guard.heartbeat_now();
    faulty.world.authority.suspend(Some(ErrorCode::LicenseSuspended));
    until_refused(&guard, "license_suspended");
    faulty.proxy.set("/", row.fault);
    for _ in 0..2 {
        let state = within("the heartbeat", CALL, || guard.heartbeat_now());
        assert!(matches!(state, State::Refused { .. }), "{state:?}");
        assert_eq!(guard.check().unwrap_err().code_text(), "license_suspended");
    }
    faulty.lift(row, &guard);
    let met = faulty.world.authority.desk().refusals;
    faulty.world.authority.until(|desk| (desk.refusals > met + 1).then_some(()));
    guard.check().unwrap_err();
    faulty.world.authority.suspend(None);
    until_active(&guard);
    guard.check().unwrap();
    "stays stopped".to_owned()
}

/// The lease is forgotten first, even if the call fails; another call reaches the authority.
fn deactivation(row: &Row) -> String {
    let faulty = Faulty::new();
    let guard = faulty.running();
    faulty.proxy.set("/", row.fault);
    let outcome = within("the deactivation", CALL, || guard.deactivate());
    assert_eq!(guard.check().unwrap_err().code_text(), "activation_deactivated");
    faulty.proxy.lift();
    assert!((0..3).any(|_| guard.deactivate().is_ok()), "the deactivation never reached the authority");
    guard.check().unwrap_err();
    drop(guard);
    faulty.running().check().unwrap();
    if outcome.is_ok() { "reached" } else { "not reached" }.to_owned()
}

/// The end takes two calls at most, and frees the state directory.
fn shutdown(row: &Row) -> String {
    let faulty = Faulty::new();
    let guard = faulty.builder().release_on_shutdown(true).start_timeout(DEADLINE).start().unwrap();
    guard.record("jobs", 3).unwrap();
    faulty.proxy.set("/", row.fault);
    let outcome = within("the shutdown", 2 * CALL, || guard.shutdown());
    faulty.proxy.lift();
    let guard = faulty.running();
    eventually("the usage", || {
        guard.heartbeat_now();
        used(&faulty) == 3
    });
    if outcome.is_ok() { "reached" } else { "not reached" }.to_owned()
}

/// It runs as licensed, in contact or without.
fn runs(guard: &Guard) -> String {
    guard.check().unwrap();
    guard.require("audit_export").unwrap();
    guard.require("federation").unwrap_err();
    let state = guard.state();
    assert!(matches!(state, State::Active { .. } | State::Offline { .. }), "{state:?}");
    state.as_str().to_owned()
}

/// An error of a start in one word.
fn named(error: &StartError) -> String {
    match error {
        StartError::Unreachable { .. } => "unreachable",
        StartError::WrongRoot { .. } => "wrong root",
        StartError::UnknownKey { .. } => "unknown key",
        StartError::Rejected { .. } => "rejected",
        StartError::Refused { .. } => "refused",
        other => panic!("{other}"),
    }
    .to_owned()
}
