//! A machine, its clocks and its disk, and the product that runs on it.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use kaching_authority::Clock as _;
use kaching_base::{ActivationId, Timestamp};
use kaching_client::{
    Clock, Fingerprint, Guard, LicenseKey, StartError,
    simulation::{Sent, Simulation},
};
use kaching_testkit::FakeClock;

use crate::{
    known::Known,
    random::Random,
    script::{ClientThread, Fault},
    server::{Answer, Fixture, Raw},
    statement::Statement,
};

/// One second, in the microseconds in which this test counts.
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) fingerprint: String,
    pub(crate) dir: PathBuf,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) product: Option<Product>,
    /// It is off or asleep until this time.
    pub(crate) still_until: Option<i64>,
    /// It sleeps since then.
    slept_at: Option<i64>,
    /// It was off, and this is by how much its clock is wrong when it is on again.
    pub(crate) boots_with: Option<i64>,
    pub(crate) cut_until: Option<i64>,
    pub(crate) disk_fails_until: Option<i64>,
    /// Whether the network blocks polls that wait.
    pub(crate) impatient: bool,
    pub(crate) faults: VecDeque<(ClientThread, Fault)>,
    pub(crate) dies_at_write: bool,
    /// The observations of it, and those that are on its disk.
    pub(crate) known: Known,
    pub(crate) durable: Known,
    /// Requests that were answered with yes, with when.
    pub(crate) sent: Vec<(Rc<Raw>, i64)>,
    /// Earlier answers with their requests, and when they were given.
    pub(crate) answers: Vec<(Rc<Raw>, Answer, i64)>,
    /// All that its products counted.
    pub(crate) recorded: u64,
    /// Whether its state ran on another machine too.
    pub(crate) copied: bool,
    random: Arc<Mutex<Random>>,
}

/// A process of the product.
pub(crate) struct Product {
    pub(crate) simulation: Simulation,
    pub(crate) started: bool,
    /// The host has given the slot back.
    pub(crate) ended: bool,
    pub(crate) start_by: i64,
    /// When it began, or the machine woke under it.
    pub(crate) since: i64,
    pub(crate) threads: [ThreadState; 2],
}

/// The activity of one of the product's threads.
pub(crate) enum ThreadState {
    /// Checks what is due at this time.
    Idle(i64),
    Waiting(Box<Exchange>),
}

pub(crate) struct Exchange {
    pub(crate) sent: Sent,
    pub(crate) raw: Rc<Raw>,
    /// An answer after this is too late, by any clock.
    pub(crate) bound: i64,
    /// When it waits no more.
    pub(crate) deadline: i64,
    pub(crate) stage: Stage,
}

pub(crate) enum Stage {
    /// The request reaches the authority at this time.
    Going(i64, Option<Fault>),
    /// The poll waits at the authority until this time, for a revision above this.
    Held(i64, u64),
    /// The answer arrives at this time.
    Coming(i64, Reply),
    /// A stream is open.
    Streams(Stream),
    /// Nothing comes.
    Silent,
}

/// A stream of changes on its way.
#[derive(Default)]
pub(crate) struct Stream {
    /// The pieces with their times; the head is a piece without bytes.
    pub(crate) pieces: VecDeque<(i64, Piece)>,
    /// The last revision that it announced.
    pub(crate) rev: u64,
    /// When the authority shows that it lives; never if the network blocks events.
    pub(crate) ping: i64,
    /// When the product notices that nothing comes.
    pub(crate) quiet: i64,
}

/// A piece of a stream, and what is signed in it.
pub(crate) type Piece = (Vec<u8>, Option<Statement>);

impl Stream {
    /// Whether its changes arrive.
    pub(crate) fn delivers(&self) -> bool {
        self.ping < i64::MAX && self.pieces.is_empty()
    }

    fn next(&self) -> i64 {
        let piece = self.pieces.front().map_or(i64::MAX, |(at, _)| *at);
        piece.min(self.ping).min(self.quiet)
    }
}

pub(crate) enum Reply {
    /// The authority's own answer to this request.
    Own(Answer, Option<Statement>),
    /// Something else.
    Other(Answer),
    /// The connection was refused, or broke.
    Broken,
}

/// The clocks of a machine, over the true time.
pub(crate) struct Clocks {
    truth: Arc<FakeClock>,
    booted: AtomicI64,
    pub(crate) boots: AtomicI64,
    /// By how much the wall clock is wrong.
    pub(crate) wrong: AtomicI64,
}

impl Clock for Clocks {
    fn boot(&self) -> Duration {
        let since = self.truth.now().micros() - self.booted.load(Ordering::Relaxed);
        Duration::from_micros(since.unsigned_abs())
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_micros(self.truth.now().micros() + self.wrong.load(Ordering::Relaxed))
    }

    fn boot_id(&self) -> String {
        format!("{}-{}", self.booted.load(Ordering::Relaxed), self.boots.load(Ordering::Relaxed))
    }
}

impl Machine {
    pub(crate) fn new(name: &'static str, dir: &Path, truth: &Arc<FakeClock>, random: Random) -> Self {
        let clocks = Clocks {
            truth: Arc::clone(truth),
            booted: AtomicI64::new(truth.now().micros() - 100 * SECOND),
            boots: AtomicI64::new(0),
            wrong: AtomicI64::new(0),
        };
        Self {
            name,
            fingerprint: format!("machine-{name}"),
            dir: dir.join(name),
            clocks: Arc::new(clocks),
            product: None,
            still_until: None,
            slept_at: None,
            boots_with: None,
            cut_until: None,
            disk_fails_until: None,
            impatient: false,
            faults: VecDeque::new(),
            dies_at_write: false,
            known: Known::default(),
            durable: Known::default(),
            sent: Vec::new(),
            answers: Vec::new(),
            recorded: 0,
            copied: false,
            random: Arc::new(Mutex::new(random)),
        }
    }

    /// A process of the product begins.
    pub(crate) fn start(
        &mut self,
        fixture: &Fixture,
        takeover: Option<ActivationId>,
        now: i64,
    ) -> Result<(), StartError> {
        let mut builder = Guard::builder(kaching_testkit::ISSUER, &fixture.root)
            .product("chorus")
            .license_key(LicenseKey::new(fixture.key.clone()))
            .fingerprint(Fingerprint::instance(&self.fingerprint).unwrap())
            .state_dir(&self.dir)
            .clock(Arc::clone(&self.clocks) as Arc<dyn Clock>);
        if let Some(from) = takeover {
            builder = builder.moves_from(from);
        }
        let random = Arc::clone(&self.random);
        let simulation = builder.simulate(move |bytes| random.lock().unwrap().fill(bytes))?;
        if ["state-a.json", "state-b.json"].iter().all(|name| !self.dir.join(name).exists()) {
            self.durable.forget();
        }
        self.known = self.durable.clone();
        self.known.begin(now, self.boots());
        let threads = [ThreadState::Idle(now), ThreadState::Idle(now)];
        let (started, ended, start_by) = (false, false, now + 10 * SECOND);
        self.product = Some(Product { simulation, started, ended, start_by, since: now, threads });
        Ok(())
    }

    pub(crate) fn boots(&self) -> i64 {
        self.clocks.boots.load(Ordering::Relaxed)
    }

    /// Kills the process, with all that was not on disk.
    pub(crate) fn kill(&mut self) {
        if let Some(product) = self.product.take() {
            product.simulation.kill();
        }
    }

    /// The machine is off: its process with it, and what was on its way.
    pub(crate) fn turn_off(&mut self, until: i64, wrong: i64) {
        self.kill();
        (self.still_until, self.slept_at) = (Some(until), None);
        self.boots_with = Some(wrong);
    }

    pub(crate) fn turn_on(&mut self, wrong: i64, now: i64) {
        self.clocks.booted.store(now - 5 * SECOND, Ordering::Relaxed);
        self.clocks.boots.fetch_add(1, Ordering::Relaxed);
        self.clocks.wrong.store(wrong, Ordering::Relaxed);
    }

    /// It sleeps until then, with all that runs on it.
    pub(crate) fn fall_asleep(&mut self, until: i64, now: i64) {
        (self.still_until, self.slept_at) = (Some(until), Some(now));
    }

    /// Waits last longer, because such clocks do not count sleep.
    pub(crate) fn awake(&mut self, now: i64) {
        let Some((slept_at, product)) = self.slept_at.take().zip(self.product.as_mut()) else { return };
        let longer = now - slept_at;
        product.start_by += longer;
        product.since = now;
        for thread in &mut product.threads {
            match thread {
                // No thread waits for longer than this, and a host's call during the sleep is due immediately.
                ThreadState::Idle(at) => *at = (*at + longer).min(now + 20 * SECOND),
                ThreadState::Waiting(exchange) => exchange.deadline += longer,
            }
        }
    }

    /// From now on nothing can be written, or can be again.
    pub(crate) fn set_disk(&mut self, until: Option<i64>) {
        self.disk_fails_until = until;
        for name in ["state-a.json.new", "state-b.json.new"] {
            let path = self.dir.join(name);
            match until {
                Some(_) => drop(fs::create_dir_all(path)),
                None => drop(fs::remove_dir(path)),
            }
        }
    }

    /// The state of another machine, as it is on its disk.
    pub(crate) fn copy(&mut self, other: &Self) {
        fs::create_dir_all(&self.dir).unwrap();
        for name in ["state-a.json", "state-b.json"] {
            let _ = fs::remove_file(self.dir.join(name));
            let _ = fs::copy(other.dir.join(name), self.dir.join(name));
        }
        self.fingerprint.clone_from(&other.fingerprint);
        self.durable = other.durable.clone();
        self.copied = true;
    }

    /// The usage on disk: the number and amount of each entry.
    pub(crate) fn usage_on_disk(&self) -> Vec<(i64, i64)> {
        let states = ["state-a.json", "state-b.json"].into_iter().filter_map(|name| {
            let text = fs::read_to_string(self.dir.join(name)).ok()?;
            let (head, state) = text.split_once('\n')?;
            let sequence: u64 = head.split(' ').next()?.parse().ok()?;
            Some((sequence, serde_json::from_str::<serde_json::Value>(state).ok()?))
        });
        let Some((_, state)) = states.max_by_key(|(sequence, _)| *sequence) else { return Vec::new() };
        let entries = state["usage"].as_array().cloned().unwrap_or_default();
        let entry = |entry: &serde_json::Value| Some((entry["seq"].as_i64()?, entry["amount"].as_i64()?));
        entries.iter().filter_map(entry).collect()
    }

    /// When something happens on it next.
    pub(crate) fn next(&self) -> Option<i64> {
        if self.still_until.is_some() {
            return self.still_until;
        }
        let ends = [self.cut_until, self.disk_fails_until].into_iter().flatten();
        let product = self.product.iter().flat_map(|product| {
            let threads = product.threads.iter().map(|thread| match thread {
                ThreadState::Idle(at) => *at,
                ThreadState::Waiting(exchange) => match &exchange.stage {
                    Stage::Going(at, _) | Stage::Held(at, _) | Stage::Coming(at, _) => {
                        (*at).min(exchange.deadline)
                    }
                    Stage::Streams(stream) => stream.next(),
                    Stage::Silent => exchange.deadline,
                },
            });
            let start = (!product.started).then_some(product.start_by);
            threads.chain(start).collect::<Vec<_>>()
        });
        ends.chain(product).min()
    }

    /// Whether the host holds a guard that says yes.
    pub(crate) fn says_yes(&self) -> bool {
        self.running().is_some_and(|guard| guard.check().is_ok())
    }

    /// The guard that the host holds, once its start is settled.
    pub(crate) fn running(&self) -> Option<&Guard> {
        self.product.as_ref().filter(|product| product.started).map(|product| product.simulation.guard())
    }

    /// Its state, for the trace.
    pub(crate) fn shown(&self) -> String {
        self.product
            .as_ref()
            .map_or("off".to_owned(), |product| product.simulation.guard().state().to_string())
    }
}
