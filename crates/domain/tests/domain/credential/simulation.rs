//! Clients that keep a credential as the protocol says, on a network and disks that fail as those do.
//! Everything follows from the seed.

use kaching_base::{Seconds, Timestamp};

/// The authority, for one license and one fingerprint.
pub trait Authority {
    fn activate(&mut self, now: Timestamp, nonce: &str) -> Reply;
    fn heartbeat(&mut self, now: Timestamp, beat: &Beat) -> Reply;
    /// How often two holders were seen.
    fn sightings(&mut self) -> usize;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Activated {
        generation: i64,
    },
    Renewed,
    /// `credential_invalid`.
    Invalid,
    /// `copy_suspected`.
    Suspected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    pub generation: i64,
    pub number: i64,
    pub nonce: String,
}

/// How often things go wrong, in thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub lost_request: u64,
    pub lost_answer: u64,
    /// A proxy sends a request twice, immediately or up to 23 hours later.
    pub duplicate: u64,
    /// The process ends after the answer, before its state is on disk.
    pub crash: u64,
    pub full_disk: u64,
    pub snapshot: u64,
    pub restore: u64,
    pub reinstall: u64,
}

impl Faults {
    pub const NONE: Self = Self {
        lost_request: 0,
        lost_answer: 0,
        duplicate: 0,
        crash: 0,
        full_disk: 0,
        snapshot: 0,
        restore: 0,
        reinstall: 0,
    };
    /// Everything that the protocol promises to bear.
    pub const ALL: Self = Self {
        lost_request: 150,
        lost_answer: 150,
        duplicate: 150,
        crash: 80,
        full_disk: 80,
        snapshot: 60,
        restore: 60,
        reinstall: 0,
    };
}

/// What survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    held: Option<Held>,
    /// The nonce of an activation that was sent and not yet answered.
    activating: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    generation: i64,
    /// The last answered.
    number: i64,
    /// The nonce of the next.
    nonce: String,
}

#[derive(Clone)]
pub struct Client {
    name: char,
    drawn: u64,
    memory: State,
    disk: State,
    snapshot: Option<State>,
    disk_is_full: bool,
    /// When it next does something.
    pub due: Timestamp,
    pub suspected: bool,
}

enum Request {
    Activate(String),
    Beat(Beat),
}

/// The network: it loses and repeats.
pub struct Network<A> {
    pub authority: A,
    pub random: Random,
    late: Vec<(Timestamp, Request)>,
}

impl<A: Authority> Network<A> {
    pub fn new(authority: A, seed: u64) -> Self {
        Self { authority, random: Random(seed), late: Vec::new() }
    }

    /// Sends a request; returns `None` if the request or its answer was lost.
    fn send(&mut self, request: Request, now: Timestamp, faults: &Faults) -> Option<Reply> {
        if self.random.happens(faults.lost_request) {
            return None;
        }
        let reply = self.deliver(&request, now);
        if self.random.happens(faults.duplicate) {
            let delay = if self.random.happens(300) { 0 } else { self.random.below(23 * 3600) };
            self.late.push((now + Seconds(delay as i64), request));
        }
        (!self.random.happens(faults.lost_answer)).then_some(reply)
    }

    /// Delivers the duplicates that arrive until then; nobody reads their answers.
    pub fn deliver_late(&mut self, now: Timestamp) {
        let late = std::mem::take(&mut self.late);
        let (arrived, on_the_way): (Vec<_>, Vec<_>) = late.into_iter().partition(|(at, _)| *at <= now);
        self.late = on_the_way;
        for (_, request) in arrived {
            self.deliver(&request, now);
        }
    }

    fn deliver(&mut self, request: &Request, now: Timestamp) -> Reply {
        match request {
            Request::Activate(nonce) => self.authority.activate(now, nonce),
            Request::Beat(beat) => self.authority.heartbeat(now, beat),
        }
    }
}

impl Client {
    pub fn new(name: char, now: Timestamp) -> Self {
        let (memory, disk) = (State::default(), State::default());
        Self { name, drawn: 0, memory, disk, snapshot: None, disk_is_full: false, due: now, suspected: false }
    }

    /// The same installation a second time, as a copied virtual machine is.
    pub fn copy(&self, name: char) -> Self {
        Self { name, ..self.clone() }
    }

    /// Does what is due, and says when it is due again.
    pub fn step<A: Authority>(&mut self, network: &mut Network<A>, faults: &Faults) {
        let now = self.due;
        self.suffer(network, faults);
        let answered = if self.memory.held.is_none() || self.memory.activating.is_some() {
            self.activate(network, now, faults)
        } else {
            self.beat(network, now, faults)
        };
        // 300 seconds with 20 % of jitter; a second and more where there was no answer.
        let wait = if answered { 240 + network.random.below(121) } else { 1 + network.random.below(120) };
        self.due = now + Seconds(wait as i64);
    }

    fn suffer<A: Authority>(&mut self, network: &mut Network<A>, faults: &Faults) {
        let random = &mut network.random;
        self.disk_is_full = random.happens(faults.full_disk);
        if random.happens(faults.snapshot) {
            self.snapshot = Some(self.disk.clone());
        }
        if let Some(snapshot) = self.snapshot.clone().filter(|_| random.happens(faults.restore)) {
            self.disk = snapshot;
            self.restart();
        }
        if random.happens(faults.reinstall) {
            self.disk = State::default();
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.memory = self.disk.clone();
    }

    fn beat<A: Authority>(&mut self, network: &mut Network<A>, now: Timestamp, faults: &Faults) -> bool {
        let held = self.memory.held.clone().expect("a client that beats holds a credential");
        let beat = Beat { generation: held.generation, number: held.number + 1, nonce: held.nonce.clone() };
        match network.send(Request::Beat(beat), now, faults) {
            None => false,
            Some(Reply::Renewed) => {
                let next = Held { number: held.number + 1, nonce: self.draw(), ..held };
                self.store(State { held: Some(next), activating: None }, network, faults);
                true
            }
            Some(Reply::Invalid) => self.activate(network, now, faults),
            Some(Reply::Suspected) => {
                self.suspected = true;
                true
            }
            Some(Reply::Activated { .. }) => unreachable!("a heartbeat is not answered so"),
        }
    }

    fn activate<A: Authority>(&mut self, network: &mut Network<A>, now: Timestamp, faults: &Faults) -> bool {
        let nonce = match self.memory.activating.clone() {
            Some(nonce) => nonce,
            None => self.draw(),
        };
        // The nonce is on disk before it is sent, where the disk takes it.
        self.memory.activating = Some(nonce.clone());
        if !self.disk_is_full {
            self.disk.activating = Some(nonce.clone());
        }
        match network.send(Request::Activate(nonce), now, faults) {
            None => false,
            Some(Reply::Activated { generation }) => {
                let held = Held { generation, number: 0, nonce: self.draw() };
                let state = State { held: Some(held), activating: None };
                // A credential is used although it cannot be stored: it is sent only once.
                if !self.store(state.clone(), network, faults) && self.disk_is_full {
                    self.memory = state;
                }
                true
            }
            Some(Reply::Suspected) => {
                self.suspected = true;
                true
            }
            Some(_) => {
                self.memory.activating = None;
                self.disk.activating = None;
                false
            }
        }
    }

    /// Writes the state, and goes on with it only then. Whether that worked.
    fn store<A: Authority>(&mut self, state: State, network: &mut Network<A>, faults: &Faults) -> bool {
        if network.random.happens(faults.crash) {
            self.restart();
            return false;
        }
        if self.disk_is_full {
            return false;
        }
        self.disk = state;
        self.memory = self.disk.clone();
        true
    }

    fn draw(&mut self) -> String {
        self.drawn += 1;
        format!("nonce-{}-{:012}", self.name, self.drawn)
    }
}

/// SplitMix64: small, seeded, and good enough to choose faults.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn happens(&mut self, thousandths: u64) -> bool {
        self.below(1000) < thousandths
    }
}
