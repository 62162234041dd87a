//! A rolling upgrade under load: the previous release and this one serve from one database, and nothing is
//! lost by an upgrade, a return to the previous release, and another upgrade.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use kaching_testkit::Engine;

use crate::{
    balancer::Balancer,
    load::Load,
    random::Random,
    rolling::restart,
    rounds::{fresh, under_load},
    server::{Server, THIS_RELEASE},
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
    let mut servers = vec![first.replica(), first.replica(), first];
    let balancer = Balancer::start(servers.iter().map(|server| server.address).collect());
    let token = servers[0].token.clone();
    let (acknowledged, mut probe) = fresh(&servers[0]);
    let (load, mut random) = (Load::default(), Random::new(5));
    let target = [balancer.address.into()];
    under_load(&target, &target, &token, &acknowledged, &load, || {
        for release in [Path::new(THIS_RELEASE), previous, Path::new(THIS_RELEASE)] {
            for server in &mut servers {
                release.clone_into(&mut server.binary);
                restart(server, &balancer, &load);
            }
            load.work(100, Duration::ZERO);
        }
        load.until_parked();
    });
    load.assert_no_failure();
    let (answers, _) = load.counts();
    verify::standing(&servers[0], &acknowledged, &mut probe, &mut load.client(balancer.address), &mut random);
    let writes = verify::everything(&mut servers[0], &acknowledged, &probe);
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
    let (acknowledged, mut probe) = fresh(&server);
    let (load, mut random, address) = (Load::default(), Random::new(6), server.address);
    let target = [address.into()];
    under_load(&target, &target, &server.token.clone(), &acknowledged, &load, || {
        for release in [Path::new(THIS_RELEASE), previous, Path::new(THIS_RELEASE)] {
            load.work(200, Duration::ZERO);
            server.ask_to_end();
            load.pause();
            server.until_ended();
            release.clone_into(&mut server.binary);
            server.restart();
            load.until_parked();
            verify::standing(&server, &acknowledged, &mut probe, &mut load.client(address), &mut random);
        }
    });
    let writes = verify::everything(&mut server, &acknowledged, &probe);
    format!(
        "one server on SQLite upgraded, taken back and upgraded again under load: {writes} acknowledged writes, 0 lost, \
         {:.0?} in all",
        began.elapsed()
    )
}
