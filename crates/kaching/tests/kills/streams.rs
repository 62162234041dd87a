//! Servers behind a balancer that are killed while a product listens to them: the product then receives changes from another.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use kaching_client::{Fingerprint, Guard, LicenseKey, State, Via};
use kaching_testkit::Engine;
use serde_json::json;

use crate::{balancer::Balancer, server::Server};

/// Nothing is waited for longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// Kills the server that has the product's stream so many times, and suspends the license at the other one.
pub(crate) fn kill_under_a_stream(kills: usize) -> String {
    let began = Instant::now();
    let first = Server::start(Engine::Postgres);
    let license = first.license("streamed", 1);
    let mut servers = [first.replica(), first];
    let balancer = Balancer::start(servers.iter().map(|server| server.address).collect());
    let folder = tempfile::tempdir().unwrap();
    let (sender, stops) = mpsc::channel();
    servers[1].kill();
    balancer.until(servers[1].address, false);
    let guard = Guard::builder(&format!("http://{}", balancer.address), &servers[0].root)
        .product("chorus")
        .license_key(LicenseKey::new(license["key"].as_str().unwrap()))
        .fingerprint(Fingerprint::instance("streamed").unwrap())
        .state_dir(folder.path())
        .on_stop(move |state| sender.send((state.clone(), Instant::now())).unwrap())
        .start()
        .unwrap();
    // A stream that breaks again and again gives way to long polls.
    let receives_changes = |state: &State| {
        matches!(state, State::Active { via: Via::Stream } | State::Active { via: Via::LongPoll })
    };
    let id = license["id"].as_str().unwrap();
    let (mut longest, mut streams) = (Duration::ZERO, 0);
    for kill in 0..kills {
        let (holder, other) = (kill % 2, (kill + 1) % 2);
        let state = guard.watch().until(DEADLINE, receives_changes);
        let via = state.unwrap_or_else(|| panic!("it gets no change before kill {kill}: {}", guard.state()));
        streams += usize::from(via == State::Active { via: Via::Stream });
        servers[other].restart();
        balancer.until(servers[other].address, true);
        servers[holder].kill();
        let suspended = Instant::now();
        servers[other].ask("POST", &format!("licenses/{id}/suspend"), &json!({"reason": "a test"}));
        let (state, at) = stops.recv_timeout(DEADLINE).unwrap();
        assert!(matches!(&state, State::Refused { code } if code.as_str() == "license_suspended"), "{state}");
        longest = longest.max(at - suspended);
        balancer.until(servers[holder].address, false);
        servers[other].ask("POST", &format!("licenses/{id}/reinstate"), &json!({}));
    }
    assert!(
        guard.watch().until(DEADLINE, receives_changes).is_some(),
        "it gets no change at the end: {}",
        guard.state()
    );
    assert!(streams >= kills.min(2), "only {streams} streams");
    guard.shutdown().unwrap();
    format!(
        "a product that listens: its server killed {kills} times, {streams} of them under a stream, each suspension received \
         from another, after {longest:.0?} at most, {:.0?} in all",
        began.elapsed()
    )
}
