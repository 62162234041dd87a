//! The proxies of docs/scaling.md before three servers that are restarted one after the other: nobody notices, and what
//! changes arrives in time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    balancer::status,
    changing::{Changing, Ends, listen},
    load::Load,
    proxy::Proxy,
    random::Random,
    rounds::{fresh, under_load},
    server::Server,
    verify,
    wire::Line,
};

/// No proxy is waited for longer.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much later an event may be than without a proxy. One that waits for a full packet is late by 200 ms each time.
const LATER: Duration = Duration::from_millis(100);

/// Restarts each of three servers so many times behind both proxies; every call, stream and wait is answered.
pub(crate) fn restart_behind_them(rounds: usize) -> String {
    let began = Instant::now();
    let first = Server::behind_proxies();
    let mut servers = [first.replica(), first.replica(), first];
    let addresses = servers.each_ref().map(|server| server.address);
    let proxies = [Proxy::nginx(&addresses), Proxy::haproxy(&addresses)];
    proxies.iter().for_each(until_ready);
    let products = proxies.each_ref().map(|proxy| proxy.products.clone());
    let operators = proxies.each_ref().map(|proxy| proxy.operators.clone());
    let (mut acknowledged, mut probe) = fresh(&servers[0]);
    let (load, mut random, token) = (Load::default(), Random::new(5), servers[0].token.clone());
    let mut changing = Changing::new(&servers[0]);
    let listeners = products.clone().map(|target| changing.listener(target));
    let soonest = {
        let plain = Proxy::haproxy_without_tls(&addresses);
        until_ready(&plain);
        let [plain, direct] =
            [plain.products.clone(), addresses[0].into()].map(|target| changing.listener(target));
        changing.soonest(&servers, [&listeners[0], &listeners[1], &plain, &direct])
    };
    let [through @ .., direct] = soonest;
    assert!(through.iter().all(|soonest| *soonest < direct + LATER), "events are late: {soonest:?}");
    acknowledged.apart = changing.apart(&servers[0]);

    let (restarted, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let (streams, waits) = thread::scope(|scope| {
        let _ends = [Ends(&restarted), Ends(&ended)];
        let (rev, restarted) = (changing.rev, &restarted);
        let streams = listeners.each_ref().map(|listener| listen(scope, listener, &ended).1);
        let waits = listeners.each_ref().map(|listener| scope.spawn(move || listener.wait(rev, restarted)));
        under_load(&products, &operators, &token, &acknowledged, &load, || {
            for _ in 0..rounds {
                servers.iter_mut().for_each(|server| restart(server, &load));
            }
            load.until_parked();
        });
        restarted.store(true, Ordering::SeqCst);
        let waits = waits.map(|waits| waits.join().unwrap());
        ended.store(true, Ordering::SeqCst);
        changing.change(&servers[0]);
        (streams.map(|streams| streams.join().unwrap()), waits)
    });
    assert!(
        streams.iter().chain(&waits).all(|count| *count > 1),
        "{streams:?} {waits:?} outlived their server"
    );
    load.assert_no_failure();
    verify::standing(
        &servers[0],
        &acknowledged,
        &mut probe,
        &mut load.client(products[0].clone()),
        &mut random,
    );
    let writes = verify::everything(&mut servers[0], &acknowledged, &probe);
    format!(
        "three kaching serve behind nginx and HAProxy: {} restarts under load, {} calls, {} streams, {} waits, 0 failed, \
         {writes} acknowledged writes, 0 lost, events after {soonest:.1?} (nginx, HAProxy, it without TLS, no proxy), \
         {:.0?} in all",
        rounds * servers.len(),
        load.counts().0,
        streams.iter().sum::<u64>(),
        waits.iter().sum::<u64>(),
        began.elapsed()
    )
}

fn until_ready(proxy: &Proxy) {
    let began = Instant::now();
    for target in [&proxy.products, &proxy.operators] {
        while status(&mut Line::to(target.clone())) != Some(200) {
            assert!(began.elapsed() < DEADLINE, "{} does not serve", proxy.name);
        }
    }
}

/// Ends a server as an init system does, starts it again, and waits until it is ready.
fn restart(server: &mut Server, load: &Load) {
    load.work(100, Duration::ZERO);
    server.ask_to_end();
    server.until_ended();
    load.work(20, Duration::ZERO);
    server.restart();
    while status(&mut Line::to(server.address)) != Some(200) {}
}
