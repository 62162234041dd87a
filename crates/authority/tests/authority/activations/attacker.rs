//! Random sequences with an attacker who has only the key: the number of installations that run by it stays bounded.
//!
//! Installations behave as the client does: one whose credential counts no more activates again, and a signed refusal
//! stops it. The attacker keeps every lease that he was given until it ends.

use std::collections::BTreeSet;

use kaching_authority::{
    Activation, Clock as _, List, Sight,
    activations::{Activate, ActivationFilter, Refusal},
    domain::{licenses::Draft, terms::EditPolicy},
};
use kaching_base::{Base64Url, ErrorCode, Seconds, Timestamp};
use kaching_testkit::World;

use super::{
    credential::Random,
    setting::{Installation, Site, counts},
};

const SLOTS: usize = 2;
const MOVES: usize = 3;
const MACHINES: usize = 8;

/// A process that runs the product.
struct Process {
    home: Installation,
    /// The last moment of its lease; `None` where it does not run.
    run_until: Option<Timestamp>,
    /// Whether it reaches the authority.
    connected: bool,
}

impl Process {
    fn new(fingerprint: &str) -> Self {
        Self { home: Installation::new(fingerprint), run_until: None, connected: true }
    }

    fn runs(&self, now: Timestamp) -> bool {
        self.run_until.is_some_and(|until| until > now)
    }

    async fn activate(&mut self, world: &World, request: Activate) -> Result<(), Refusal> {
        match self.home.send(world, request).await {
            Ok(activated) => self.run_until = Some(until(&activated.lease)),
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    /// Sends the heartbeat that is due, as a client does.
    async fn ask(&mut self, world: &World, site: &Site) {
        if !self.connected || !self.runs(world.clock.now()) {
            return;
        }
        let refusal = match self.home.heartbeat(world).await {
            Ok(renewed) => return self.run_until = Some(until(&renewed.lease)),
            Err(refusal) => refusal,
        };
        let refusal = match refusal.refused.code {
            ErrorCode::CredentialInvalid | ErrorCode::ActivationNotFound => {
                let request = self.home.request(site);
                self.activate(world, request).await.err()
            }
            _ => Some(refusal),
        };
        // Only what is signed stops it.
        if refusal.is_some_and(|refusal| refusal.refused.code.signed()) {
            self.run_until = None;
        }
    }
}

/// The `run_until` of a lease of the authority's own.
fn until(lease: &str) -> Timestamp {
    let claims = lease.split('.').nth(1).unwrap();
    let claims = Base64Url::<Vec<u8>>::decode(claims.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    Timestamp::from_seconds(claims["run_until"].as_i64().unwrap())
}

struct Play<'w> {
    world: &'w World,
    site: Site,
    random: Random,
    machines: Vec<Process>,
    /// Whom the attacker made run, and what he kept of it.
    attacker: Vec<Process>,
    drawn: u64,
}

impl<'w> Play<'w> {
    async fn new(world: &'w World, seed: u64) -> Self {
        let policy = EditPolicy { moves: Some(MOVES as i64), ..EditPolicy::default() };
        let site = Site::new(world, SLOTS as u64, Draft { policy, ..Draft::default() }).await;
        let machines = (0..MACHINES).map(|i| Process::new(&format!("c{i}"))).collect();
        Self { world, site, random: Random(seed), machines, attacker: Vec::new(), drawn: 0 }
    }

    async fn activations(&self) -> Vec<Activation> {
        let filter = ActivationFilter { license: Some(self.site.license), ..ActivationFilter::default() };
        let list = List { filter, limit: Some(200), ..List::default() };
        let page = self.world.authority.activations(&Sight::All, list).await.unwrap();
        page.items.into_iter().map(|one| one.activation).collect()
    }

    fn pick(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    /// A process of the attacker with a fingerprint of his own, or with that of a machine. Its nonces are nobody else's.
    fn intruder(&mut self) -> Process {
        self.drawn += 1;
        let number = self.drawn;
        let fingerprint = match self.pick(3) {
            0 => format!("x{number}"),
            _ => format!("c{}", self.pick(MACHINES)),
        };
        let mut process = Process::new(&fingerprint);
        process.home.salt(number);
        process
    }

    async fn attack(&mut self) {
        let known: Vec<_> = self.activations().await.iter().map(|one| one.id).collect();
        let of_his = (!self.attacker.is_empty()).then(|| self.pick(self.attacker.len()));
        match (self.pick(6), of_his) {
            (0 | 1, Some(one)) => {
                let _ = self.attacker[one].home.deactivate(self.world).await;
            }
            (2, Some(one)) => {
                if let Ok(renewed) = self.attacker[one].home.heartbeat(self.world).await {
                    self.attacker[one].run_until = Some(until(&renewed.lease));
                }
            }
            (choice, of_his) => {
                let mut process = self.intruder();
                let mut request = process.home.request(&self.site);
                if choice == 3 && !known.is_empty() {
                    request.moves_from = Some(known[self.pick(known.len())]);
                }
                if let Some(one) = of_his.filter(|_| choice == 4) {
                    let from = &self.attacker[one].home;
                    let proof = from.prove(0, &request.nonce);
                    request = Activate {
                        moves_from: Some(from.id()),
                        request: proof.request(),
                        proof: Some(proof),
                        ..request
                    };
                }
                if process.activate(self.world, request).await.is_ok() {
                    self.attacker.push(process);
                }
            }
        }
    }

    /// Tries to run all machines on one license: one after the other gets a slot, loses its network, and has its slot given
    /// back by a copy.
    async fn take_turns(&mut self) {
        let now = self.world.clock.now();
        let at = self.pick(MACHINES);
        if !self.machines[at].runs(now) {
            self.machines[at].connected = true;
            let request = self.machines[at].home.request(&self.site);
            drop(self.machines[at].activate(self.world, request).await);
        }
        self.machines[at].connected = false;
        let mut copy = Process::new(&format!("c{at}"));
        self.drawn += 1;
        copy.home.salt(self.drawn);
        let request = copy.home.request(&self.site);
        if copy.activate(self.world, request).await.is_ok() {
            let _ = copy.home.deactivate(self.world).await;
        }
    }

    async fn of_a_host(&mut self) {
        let now = self.world.clock.now();
        let at = self.pick(MACHINES);
        match self.pick(6) {
            0 => self.machines[at].connected = !self.machines[at].connected,
            // A container that crashed starts without its state.
            1 if self.machines[at].connected => {
                let mut fresh = Process::new(&format!("c{at}"));
                self.drawn += 1;
                fresh.home.salt(self.drawn);
                self.machines[at] = fresh;
                let request = self.machines[at].home.request(&self.site);
                drop(self.machines[at].activate(self.world, request).await);
            }
            _ if self.machines[at].connected && !self.machines[at].runs(now) => {
                let request = self.machines[at].home.request(&self.site);
                drop(self.machines[at].activate(self.world, request).await);
            }
            _ => {}
        }
    }

    async fn step(&mut self, at: &str) {
        let longest = match self.random.below(40) {
            0 => 2_700_000,
            1..5 => 60_000,
            _ => 600,
        };
        self.world.clock.advance(Seconds(1 + self.random.below(longest) as i64));
        match self.pick(5) {
            0 | 1 => self.of_a_host().await,
            2 if self.pick(4) == 0 => drop(self.world.authority.run_jobs().await.unwrap()),
            2 => self.take_turns().await,
            _ => self.attack().await,
        }
        for machine in &mut self.machines {
            machine.ask(self.world, &self.site).await;
        }
        self.check(at).await;
    }

    /// The bound that docs/threat-model.md states.
    async fn check(&self, at: &str) {
        let now = self.world.clock.now();
        let (held, _) = counts(self.world, &self.site).await;
        assert!(held as usize <= SLOTS, "{at}: {held} hold {SLOTS} slots");
        let activations = self.activations().await;
        let in_grace = activations.iter().filter(|one| one.is_in_move_grace(now)).count();
        assert!(in_grace <= SLOTS, "{at}: {in_grace} are in move grace");
        let may: BTreeSet<_> = activations
            .iter()
            .filter(|one| one.holds_slot(now) || one.is_in_move_grace(now))
            .map(|one| one.fingerprint.as_str())
            .collect();
        assert!(may.len() <= 2 * SLOTS, "{at}: {may:?} may run");
        let mut cut_off = BTreeSet::new();
        for machine in self.machines.iter().filter(|machine| machine.runs(now)) {
            let fingerprint = machine.home.fingerprint.as_str();
            match may.contains(fingerprint) {
                true => {}
                false if machine.connected => panic!("{at}: {fingerprint} runs without a slot"),
                false => drop(cut_off.insert(fingerprint)),
            }
        }
        assert!(cut_off.len() <= MOVES, "{at}: {cut_off:?} run on after moves by the key");
    }
}

async fn run(world: &World, seed: u64, steps: usize) {
    let mut play = Play::new(world, seed).await;
    for step in 0..steps {
        play.step(&format!("seed {seed} on {:?}, step {step}", world.engine)).await;
    }
}

#[tokio::test]
async fn a_key_alone_runs_no_more_installations_than_slots_and_move_grace_allow() {
    World::each(|world| async move {
        for seed in 0..8 {
            run(&World::on(world.engine).await, seed, 150).await;
        }
    })
    .await;
}
