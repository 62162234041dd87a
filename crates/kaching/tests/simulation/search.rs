//! Runs seeds, as many as are asked for, and prints the shortest script with which a failing one still fails.

use std::{
    io::Write as _,
    panic::AssertUnwindSafe,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use kaching_testkit::Engine;
use tokio::runtime::Runtime;

use crate::{
    broken::Broken,
    run::{Outcome, run},
    script::{Op, draw},
    server::Fixture,
};

#[derive(Default)]
struct Sums {
    seeds: AtomicU64,
    steps: AtomicU64,
    requests: AtomicU64,
    broken: Mutex<Vec<String>>,
}

#[test]
fn every_seed_holds_on_sqlite() {
    seeds(Engine::Sqlite, 1);
}

#[test]
fn every_seed_holds_on_postgres() {
    seeds(Engine::Postgres, 30);
}

/// Runs scripts that are written down.
pub(crate) fn cases(cases: &[(&str, u64, &[Op])]) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (runtime, fixture) = begin(engine);
        for (name, seed, script) in cases {
            let outcome = one(&runtime, &fixture, *seed, script, true);
            if let Some(broken) = outcome.broken {
                panic!("{name}: {}\n{}", broken.0, outcome.trace.join("\n"));
            }
        }
    }
}

/// The number in a variable of the environment.
fn parameter(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| text.to_str().and_then(|text| text.parse().ok()).expect(name))
}

fn seeds(engine: Engine, one_of: u64) {
    let (first, count) = match parameter("SIMULATION_SEED") {
        Some(seed) => (seed, 1),
        None => (0, parameter("SIMULATION_SEEDS").unwrap_or(500).div_ceil(one_of)),
    };
    #[expect(clippy::disallowed_methods, reason = "the time of the seeds is reported")]
    let began = Instant::now();
    let (sums, next) = (Sums::default(), AtomicU64::new(first));
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get() as u64).min(count);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(engine, &next, first + count, &sums));
        }
    });
    let broken = sums.broken.into_inner().unwrap();
    let message = format!(
        "simulation on {engine:?}: {} seeds, {} steps, {} requests, {} violations, {} s\n",
        sums.seeds.into_inner(),
        sums.steps.into_inner(),
        sums.requests.into_inner(),
        broken.len(),
        began.elapsed().as_secs()
    );
    // Past what the harness keeps to itself where a test holds.
    let _ = std::io::stderr().write_all(message.as_bytes());
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// As many violations as are worth a look.
const ENOUGH: usize = 3;

fn work(engine: Engine, next: &AtomicU64, end: u64, sums: &Sums) {
    let (runtime, fixture) = begin(engine);
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || sums.broken.lock().unwrap().len() >= ENOUGH {
            return;
        }
        let script = draw(seed);
        let outcome = one(&runtime, &fixture, seed, &script, false);
        sums.seeds.fetch_add(1, Ordering::Relaxed);
        sums.steps.fetch_add(script.len() as u64, Ordering::Relaxed);
        sums.requests.fetch_add(outcome.requests, Ordering::Relaxed);
        if let Some(broken) = outcome.broken {
            let message = explain(&runtime, &fixture, engine, seed, script, &broken);
            sums.broken.lock().unwrap().push(message);
        }
    }
}

/// Takes away from a failing script what it does not need to fail, and shows the rest.
fn explain(
    runtime: &Runtime,
    fixture: &Fixture,
    engine: Engine,
    seed: u64,
    script: Vec<Op>,
    broken: &Broken,
) -> String {
    let rule = |broken: &Broken| broken.0.split(':').next().unwrap_or_default().to_owned();
    let mut least = script;
    let mut at = least.len();
    while at > 0 {
        at -= 1;
        let mut less = least.clone();
        less.remove(at);
        let outcome = one(runtime, fixture, seed, &less, false);
        if outcome.broken.is_some_and(|other| rule(&other) == rule(broken)) {
            least = less;
        }
    }
    let outcome = one(runtime, fixture, seed, &least, true);
    let trace = if parameter("SIMULATION_SEED").is_some() { outcome.trace.join("\n") } else { String::new() };
    let message = outcome.broken.map_or_else(String::new, |broken| broken.0);
    format!(
        "seed {seed} on {engine:?}: {}\nafter {least:?}: {message}\n{trace}\nto see its steps: SIMULATION_SEED={seed} cargo test -p kaching --test simulation",
        broken.0
    )
}

fn begin(engine: Engine) -> (Runtime, Fixture) {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        // Nothing here outlives the process, so that disks need not be waited for; where that was said before, it stays.
        let _ = tempfile::env::override_temp_dir(memory);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fixture = runtime.block_on(Fixture::new(engine));
    (runtime, fixture)
}

fn one(runtime: &Runtime, fixture: &Fixture, seed: u64, script: &[Op], traced: bool) -> Outcome {
    let held =
        std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(fixture, seed, script, traced))));
    held.unwrap_or_else(|_| {
        let broken = Some(Broken("a panic".to_owned()));
        Outcome { broken, requests: 0, trace: Vec::new() }
    })
}
