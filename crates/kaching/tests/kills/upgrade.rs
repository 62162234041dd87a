//! A rolling upgrade under load: the previous release and this one serve from one database, and nothing is lost on the
//! way to the new release, back to the previous one, and to the new one again.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use kaching_testkit::Engine;

use crate::{
    balancer::Balancer,
    dice::Dice,
    rolling::restart,
    rounds::{fresh, under_load},
    server::{Server, THIS_RELEASE},
    stage::Stage,
    verify,
};

/// Upgrades servers from the release whose binary `PREVIOUS` names, on both engines.
pub(crate) fn upgrade() -> String {
    let previous = env::var("PREVIOUS").expect("PREVIOUS names the binary of the previous release");
    format!("{}\n{}", replicas(Path::new(&previous)), single_server(Path::new(&previous)))
}

/// Three servers on PostgreSQL, one at a time, while each release serves on the schema of the new one.
fn replicas(previous: &Path) -> String {
    let began = Instant::now();
    let first = Server::of_release(previous, Engine::Postgres);
    let mut servers = vec![first.beside(), first.beside(), first];
    let balancer = Balancer::start(servers.iter().map(|server| server.address).collect());
    let token = servers[0].token.clone();
    let (ledger, mut probe) = fresh(&servers[0]);
    let (stage, mut dice) = (Stage::default(), Dice::new(5));
    let target = [balancer.address.into()];
    under_load(&target, &target, &token, &ledger, &stage, || {
        for release in [Path::new(THIS_RELEASE), previous, Path::new(THIS_RELEASE)] {
            for server in &mut servers {
                release.clone_into(&mut server.binary);
                restart(server, &balancer, &stage);
            }
            stage.work(100, Duration::ZERO);
        }
        stage.until_parked();
    });
    stage.assert_no_failure();
    let (answers, _) = stage.counts();
    verify::standing(&servers[0], &ledger, &mut probe, &mut stage.way(balancer.address), &mut dice);
    let writes = verify::everything(&mut servers[0], &ledger, &probe);
    format!(
        "three servers on PostgreSQL upgraded, taken back and upgraded again under load: {answers} requests, 0 failed, \
         {writes} acknowledged writes, 0 lost, {:.0?} in all",
        began.elapsed()
    )
}

/// One server on SQLite, which is replaced under load.
fn single_server(previous: &Path) -> String {
    let began = Instant::now();
    let mut server = Server::of_release(previous, Engine::Sqlite);
    let (ledger, mut probe) = fresh(&server);
    let (stage, mut dice, address) = (Stage::default(), Dice::new(6), server.address);
    let target = [address.into()];
    under_load(&target, &target, &server.token.clone(), &ledger, &stage, || {
        for release in [Path::new(THIS_RELEASE), previous, Path::new(THIS_RELEASE)] {
            stage.work(200, Duration::ZERO);
            server.ask_to_end();
            stage.pause();
            server.until_ended();
            release.clone_into(&mut server.binary);
            server.restart();
            stage.until_parked();
            verify::standing(&server, &ledger, &mut probe, &mut stage.way(address), &mut dice);
        }
    });
    let writes = verify::everything(&mut server, &ledger, &probe);
    format!(
        "one server on SQLite upgraded, taken back and upgraded again under load: {writes} acknowledged writes, 0 lost, \
         {:.0?} in all",
        began.elapsed()
    )
}
