//! A product's process: it counts, grows and asks, and says what it did until it is killed.

use std::{
    io::Write as _,
    sync::mpsc,
    time::{Duration, Instant},
};

use kaching_client::{Fingerprint, Guard, LicenseKey};

use crate::stops;

/// Prints a line immediately.
pub(crate) fn say(word: &str, number: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word} {number}").unwrap();
    out.flush().unwrap();
}

/// Runs on a license until it is killed: `busy` reports often, `quiet` leaves it to the guard, `last` ends in order; or
/// until it is ended by the guard, `stops-` so many milliseconds after the license.
pub(crate) fn work(url: &str, root: &str, key: &str, dir: &str, manner: &str) {
    let began = Instant::now();
    let builder = Guard::builder(url, root)
        .product("chorus")
        .license_key(LicenseKey::new(key))
        .fingerprint(Fingerprint::custom("host").unwrap())
        .state_dir(dir);
    if let Some(timeout) = manner.strip_prefix("stops-") {
        return stops::run(builder, Duration::from_millis(timeout.parse().unwrap()));
    }
    let guard = builder.start().unwrap_or_else(|error| panic!("{error}"));
    say("started", began.elapsed().as_millis());
    say("activation", guard.license().granted.unwrap().activation);
    let (_never, nothing) = mpsc::channel::<()>();
    let mut total = 0;
    for step in 1_u64.. {
        guard.check().unwrap_or_else(|denied| panic!("{denied}"));
        if manner == "last" && step > 3 {
            break;
        }
        // Said before it is done: what is found later is never more than was said.
        let amount = 1 + step % 5;
        total += amount;
        say("counts", total);
        guard.record("jobs", amount).unwrap();
        guard.ensure("nodes", 1 + step % 3).unwrap_or_else(|denied| panic!("{denied}"));
        if manner != "quiet" && step.is_multiple_of(2) {
            guard.heartbeat_now();
            // Before a heartbeat is sent, its contents are on disk.
            say("kept", total);
        }
        let _ = nothing.recv_timeout(Duration::from_micros(300));
    }
    guard.shutdown().unwrap_or_else(|error| panic!("{error}"));
}
