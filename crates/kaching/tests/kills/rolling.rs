//! Servers behind a balancer, restarted one after the other under load: nobody notices.

use std::time::{Duration, Instant};

use kaching_testkit::Engine;

use crate::{
    balancer::{Balancer, status},
    load::Load,
    random::Random,
    rounds::{fresh, under_load},
    server::Server,
    verify,
    wire::Line,
};

/// Restarts each of three servers so many times; every request is answered at its first attempt.
pub(crate) fn restart_one_by_one(rounds: usize) -> String {
    let began = Instant::now();
    let first = Server::start(Engine::Postgres);
    let mut servers = vec![first.replica(), first.replica(), first];
    let balancer = Balancer::start(servers.iter().map(|server| server.address).collect());
    let token = servers[0].token.clone();
    let (acknowledged, mut probe) = fresh(&servers[0]);
    let (load, mut random) = (Load::default(), Random::new(4));
    let target = [balancer.address.into()];
    under_load(&target, &target, &token, &acknowledged, &load, || {
        for _ in 0..rounds {
            for server in &mut servers {
                restart(server, &balancer, &load);
            }
        }
        load.until_parked();
    });
    load.assert_no_failure();
    let (answers, _) = load.counts();
    verify::standing(&servers[0], &acknowledged, &mut probe, &mut load.client(balancer.address), &mut random);
    let writes = verify::everything(&mut servers[0], &acknowledged, &probe);
    format!(
        "three kaching serve behind a balancer on PostgreSQL: {} restarts under load, {answers} requests, 0 failed, \
         {writes} acknowledged writes, 0 lost, {:.0?} in all",
        rounds * servers.len(),
        began.elapsed()
    )
}

/// Ends a server in good order while it is under load, and starts it again.
pub(crate) fn restart(server: &mut Server, balancer: &Balancer, load: &Load) {
    load.work(100, Duration::ZERO);
    let mut line = Line::to(server.address);
    assert_eq!(status(&mut line), Some(200));
    server.ask_to_end();
    // It says so first, and goes on answering.
    while status(&mut line) == Some(200) {}
    assert_eq!(status(&mut line), Some(503), "it left without a word");
    balancer.until(server.address, false);
    load.work(20, Duration::ZERO);
    server.until_ended();
    server.restart();
    balancer.until(server.address, true);
}
