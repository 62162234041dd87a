//! Servers behind a balancer, restarted one after the other under load: nobody notices.

use std::time::{Duration, Instant};

use kaching_testkit::Engine;

use crate::{
    balancer::{Balancer, status},
    dice::Dice,
    rounds::{fresh, under_load},
    server::Server,
    stage::Stage,
    verify,
    wire::Line,
};

/// Restarts each of three servers so many times; every request is answered at its first attempt.
pub(crate) fn restart_one_by_one(rounds: usize) -> String {
    let began = Instant::now();
    let first = Server::start(Engine::Postgres);
    let mut servers = vec![first.beside(), first.beside(), first];
    let balancer = Balancer::start(servers.iter().map(|server| server.address).collect());
    let token = servers[0].token.clone();
    let (ledger, mut probe) = fresh(&servers[0]);
    let (stage, mut dice) = (Stage::default(), Dice::new(4));
    let target = [balancer.address.into()];
    under_load(&target, &target, &token, &ledger, &stage, || {
        for _ in 0..rounds {
            for server in &mut servers {
                restart(server, &balancer, &stage);
            }
        }
        stage.until_parked();
    });
    stage.assert_no_failure();
    let (answers, _) = stage.counts();
    verify::standing(&servers[0], &ledger, &mut probe, &mut stage.way(balancer.address), &mut dice);
    let writes = verify::everything(&mut servers[0], &ledger, &probe);
    format!(
        "three kaching serve behind a balancer on PostgreSQL: {} restarts under load, {answers} requests, 0 failed, \
         {writes} acknowledged writes, 0 lost, {:.0?} in all",
        rounds * servers.len(),
        began.elapsed()
    )
}

/// Ends a server in good order while it is under load, and starts it again.
pub(crate) fn restart(server: &mut Server, balancer: &Balancer, stage: &Stage) {
    stage.work(100, Duration::ZERO);
    let mut line = Line::to(server.address);
    assert_eq!(status(&mut line), Some(200));
    server.ask_to_end();
    // It says so first, and goes on answering.
    while status(&mut line) == Some(200) {}
    assert_eq!(status(&mut line), Some(503), "it left without a word");
    balancer.until(server.address, false);
    stage.work(20, Duration::ZERO);
    server.until_ended();
    server.restart();
    balancer.until(server.address, true);
}
