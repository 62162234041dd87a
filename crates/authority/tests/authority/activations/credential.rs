//! The credential's model against the whole authority: the same simulated clients as in the domain's test.

#[path = "../../../../domain/tests/domain/credential/simulation.rs"]
mod simulation;

use kaching_authority::{domain::licenses::Draft, domain::terms::EditPolicy};
use kaching_base::{CopyPolicy, ErrorCode, Seconds, Timestamp};
use kaching_license::Credential;
use kaching_testkit::World;
pub use simulation::Random;
use simulation::{Authority, Beat, Client, Faults, Network, Reply};
use tokio::runtime::Handle;

use super::setting::{Installation, Site, entries};

/// The authority as the simulated clients reach it. It keeps every credential that was handed out.
struct Whole<'w> {
    world: &'w World,
    site: &'w Site,
    credentials: Vec<Credential>,
}

impl Whole<'_> {
    fn installation(&self, generation: Option<i64>) -> Installation {
        let mut installation = Installation::new("c1");
        let held = |c: &&Credential| Some(c.generation) == generation.map(i64::unsigned_abs);
        installation.credential = self.credentials.iter().find(held).cloned();
        installation.keys = Some(self.world.authority.keys());
        installation
    }

    fn wait<T>(&self, doing: impl Future<Output = T>) -> T {
        tokio::task::block_in_place(|| Handle::current().block_on(doing))
    }
}

impl Authority for Whole<'_> {
    fn activate(&mut self, now: Timestamp, nonce: &str) -> Reply {
        self.world.clock.set(now);
        let mut installation = self.installation(None);
        let mut request = installation.request(self.site);
        request.nonce = nonce.parse().unwrap();
        match self.wait(installation.send(self.world, request)) {
            Ok(activated) => {
                let credential = Credential::parse(activated.credential.expose()).unwrap();
                let generation = i64::try_from(credential.generation).unwrap();
                self.credentials.push(credential);
                Reply::Activated { generation }
            }
            Err(refusal) => reply(refusal.refused.code),
        }
    }

    fn heartbeat(&mut self, now: Timestamp, beat: &Beat) -> Reply {
        self.world.clock.set(now);
        let mut installation = self.installation(Some(beat.generation));
        let nonce = beat.nonce.parse().unwrap();
        let mut request = installation.beat();
        request.proof = installation.prove(beat.number.unsigned_abs(), &nonce);
        request.nonce = nonce;
        match self.wait(installation.send_heartbeat(self.world, request)) {
            Ok(_) => Reply::Renewed,
            Err(refusal) => reply(refusal.refused.code),
        }
    }

    fn sightings(&mut self) -> usize {
        let Some(credential) = self.credentials.first() else { return 0 };
        let entries = self.wait(entries(self.world, credential.activation));
        entries.iter().filter(|(action, _)| action == "activation.two_holders").count()
    }
}

fn reply(code: ErrorCode) -> Reply {
    match code {
        ErrorCode::CredentialInvalid => Reply::Invalid,
        ErrorCode::CopySuspected => Reply::Suspected,
        other => panic!("{other}"),
    }
}

const START: Timestamp = Timestamp::from_seconds(1_795_305_600);

async fn site(world: &World) -> Site {
    let policy = EditPolicy { copies: Some(CopyPolicy::Refuse), ..EditPolicy::default() };
    Site::new(world, 1, Draft { policy, ..Draft::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_accuses_a_single_installation() {
    World::each(|world| async move {
        for seed in 0..15 {
            let world = World::on(world.engine).await;
            let site = site(&world).await;
            let whole = Whole { world: &world, site: &site, credentials: Vec::new() };
            let mut network = Network::new(whole, seed);
            let mut client = Client::new('a', START);
            for _ in 0..60 {
                network.deliver_late(client.due);
                client.step(&mut network, &Faults::ALL);
                assert!(!client.suspected, "seed {seed} on {:?}: refused as a copy", world.engine);
            }
            let sightings = network.authority.sightings();
            assert_eq!(sightings, 0, "seed {seed} on {:?}: seen as two holders", world.engine);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_two_copies_within_five_intervals() {
    World::each(|world| async move {
        for seed in 0..10 {
            let world = World::on(world.engine).await;
            let site = site(&world).await;
            let whole = Whole { world: &world, site: &site, credentials: Vec::new() };
            let mut network = Network::new(whole, seed);
            let mut first = Client::new('a', START);
            for _ in 0..3 {
                first.step(&mut network, &Faults::NONE);
            }
            let copied_at = first.due - Seconds(network.random.below(240) as i64);
            let mut second = first.copy('b');
            second.due = copied_at + Seconds(1 + network.random.below(300) as i64);
            while first.due.min(second.due) <= copied_at + Seconds(5 * 300) {
                let next = if first.due <= second.due { &mut first } else { &mut second };
                next.step(&mut network, &Faults::NONE);
            }
            assert!(network.authority.sightings() > 0, "seed {seed} on {:?}: not found", world.engine);
        }
    })
    .await;
}
