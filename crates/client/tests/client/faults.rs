//! Every fault of a network in every phase of a client: never a panic, never a yes without proof, never a stop without
//! proof, never a call that takes longer than its bound; and once the fault is gone, the right state without help.

use std::{
    collections::BTreeMap,
    panic,
    sync::{Mutex, Once},
    thread,
    time::{Duration, Instant},
};

use kaching_client::{Builder, Guard, Timing};

use crate::{
    proxy::Proxy,
    world::{World, timing, until_active},
};

mod phases;
mod replays;
mod table;
mod unreachable;

use phases::PHASES;
use table::{Effect, ROWS, Row};

/// The bound of a start.
const START: Duration = Duration::from_millis(1200);
/// The bound of one call.
const CALL: Duration = Duration::from_millis(500);
/// The time that a busy machine may add to a bound; a call without one lasts as long as its fault.
const MARGIN: Duration = Duration::from_secs(10);

/// A world whose network has faults.
struct Faulty {
    world: World,
    proxy: Proxy,
}

impl Faulty {
    fn new() -> Self {
        let world = World::new();
        let proxy = Proxy::before(&world.authority.url());
        Self { world, proxy }
    }

    /// A guard behind the proxy, yet to be started.
    fn builder(&self) -> Builder {
        let timing = Timing {
            start_timeout: START,
            call_timeout: CALL,
            poll_wait: Duration::from_secs(1),
            first_event_timeout: CALL,
            silence_timeout: CALL,
            ..timing()
        };
        self.world.builder_at(&self.proxy.url()).timing(timing)
    }

    /// A guard that runs in contact.
    fn running(&self) -> Guard {
        let guard = self.builder().start_timeout(crate::world::DEADLINE).start().unwrap();
        until_active(&guard);
        guard
    }

    /// Answers from an earlier life of the same installation, for faults that give old ones.
    fn earlier_life(&self) {
        let earlier = self.builder().state_dir(self.world.dir.path().join("earlier"));
        drop(earlier.start_timeout(crate::world::DEADLINE).start().unwrap());
    }

    /// The fault is gone, and where it asked for a wait, that is over.
    fn lift(&self, row: &Row, guard: &Guard) {
        self.proxy.lift();
        if row.effect == Effect::PutsOff {
            self.world.clock.advance(300);
            guard.set_level("nodes", guard.level("nodes") + 1).unwrap();
        }
    }
}

/// Does something, and holds it to its bound.
fn within<T>(what: &str, bound: Duration, act: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = act();
    let took = began.elapsed();
    assert!(took <= bound + MARGIN, "{what} took {took:?}, and may take {bound:?}");
    done
}

/// Panics of the client's own threads, which nobody would see.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn watch_for_panics() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name().is_some_and(|name| name.starts_with("kaching-")) {
                PANICS.lock().unwrap().push(info.to_string());
            }
            before(info);
        }));
    });
}

#[test]
fn no_fault_stops_starts_or_delays_a_client_without_proof() {
    watch_for_panics();
    let began = Instant::now();
    let cells: Vec<_> = ROWS.iter().flat_map(|row| PHASES.iter().map(move |phase| (row, phase))).collect();
    let (next, outcomes) = (Mutex::new(cells.iter()), Mutex::new(BTreeMap::new()));
    // They wait for each other's time limits, not for the machine.
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                loop {
                    let Some((row, (phase, run))) = next.lock().unwrap().next() else { return };
                    let outcome = panic::catch_unwind(|| run(row)).map_err(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    });
                    outcomes.lock().unwrap().insert((row.name, *phase), outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    print(&outcomes);
    println!("{} faults, {} phases, {:.0?}", ROWS.len(), PHASES.len(), began.elapsed());
    let failed: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(*PANICS.lock().unwrap(), [""; 0], "threads of the client panicked");
}

fn print(outcomes: &BTreeMap<(&str, &str), Result<String, Option<String>>>) {
    print!("| fault ");
    PHASES.iter().for_each(|(phase, _)| print!("| {phase} "));
    println!("|\n|---{}|", "|---".repeat(PHASES.len()));
    for row in ROWS {
        print!("| {} ", row.name);
        for (phase, _) in PHASES {
            print!("| {} ", outcomes[&(row.name, *phase)].as_deref().unwrap_or("**violated**"));
        }
        println!("|");
    }
}
