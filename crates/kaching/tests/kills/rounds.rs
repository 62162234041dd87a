//! A server under load, killed again and again.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use kaching_testkit::Engine;
use serde_json::json;

use crate::{
    installation::Installation,
    load::Load,
    operator::Operator,
    random::Random,
    server::{Server, Token},
    verify,
    wire::Target,
};

/// More than this many installations of one license never run at the same time.
pub(crate) const SLOTS: u64 = 8;
/// Each has installations of its own, together twice as many as there are slots.
const WORKERS: usize = 4;
const INSTALLATIONS: usize = 4;

/// The acknowledgements of each installation.
pub(crate) struct AcknowledgedWrites {
    pub(crate) license: String,
    pub(crate) installations: Vec<Mutex<Vec<Installation>>>,
    pub(crate) operator: Mutex<Operator>,
    /// Ids of what is there for another purpose.
    pub(crate) apart: Vec<String>,
}

/// Ends the workers, also if the killing thread fails.
struct Ends<'a>(&'a Load);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Creates a license for all workers, with nothing acknowledged yet, and an installation that probes for a free slot.
pub(crate) fn fresh(server: &Server) -> (AcknowledgedWrites, Installation) {
    let license = server.license("loaded", SLOTS);
    server.ask("POST", "customers", &json!({"name": "Operated", "reference": "operated"}));
    let key = license["key"].as_str().unwrap();
    let own = |worker: usize| (0..INSTALLATIONS).map(move |at| format!("device-{worker}-{at}"));
    let made = |worker| own(worker).map(|name| Installation::new(key, name)).collect();
    let acknowledged = AcknowledgedWrites {
        license: license["id"].as_str().unwrap().to_owned(),
        installations: (0..WORKERS).map(|worker| Mutex::new(made(worker))).collect(),
        operator: Mutex::default(),
        apart: Vec::new(),
    };
    (acknowledged, Installation::new(key, "probe".to_owned()))
}

/// Loads the product calls of these targets, over which the workers are spread, and the operators' calls of these, each
/// by a program of its own, while somebody does `disturb`.
pub(crate) fn under_load(
    products: &[Target],
    operators: &[Target],
    token: &Token,
    acknowledged: &AcknowledgedWrites,
    load: &Load,
    disturb: impl FnOnce(),
) {
    load.begin(acknowledged.installations.len() + operators.len());
    thread::scope(|scope| {
        let _ends = Ends(load);
        for (worker, own) in acknowledged.installations.iter().enumerate() {
            let mut client = load.client(products[worker % products.len()].clone());
            let mut random = Random::new(100 + worker as u64);
            scope.spawn(move || {
                while load.goes_on() {
                    let chosen = usize::try_from(random.below(INSTALLATIONS as u64)).unwrap();
                    own.lock().unwrap()[chosen].act(&mut client, &mut random);
                }
            });
        }
        for (program, target) in operators.iter().enumerate() {
            let (mut client, mut random) = (load.client(target.clone()), Random::new(200 + program as u64));
            scope.spawn(move || {
                while load.goes_on() {
                    acknowledged.operator.lock().unwrap().act(token, &mut client, &mut random);
                }
            });
        }
        disturb();
    });
}

/// Kills a server so many times under load, and compares after each what it has with what it acknowledged.
pub(crate) fn kill_servers(engine: Engine, kills: usize) -> String {
    let began = Instant::now();
    let mut server = Server::start(engine);
    let (acknowledged, mut probe) = fresh(&server);
    let (load, mut random, address, token) =
        (Load::default(), Random::new(1), server.address, server.token.clone());
    let servers = [address.into()];
    under_load(&servers, &servers, &token, &acknowledged, &load, || {
        for _ in 0..kills {
            load.work(random.below(300), Duration::from_micros(random.below(3000)));
            server.kill();
            load.pause();
            server.restart();
            load.until_parked();
            let mut client = load.client(address);
            verify::standing(&server, &acknowledged, &mut probe, &mut client, &mut random);
        }
    });
    let writes = verify::everything(&mut server, &acknowledged, &probe);
    let (answers, repeated) = load.counts();
    format!(
        "kaching serve on {}: {kills} kills, {writes} acknowledged writes, 0 lost, {answers} answers, {repeated} attempts \
         without one, slowest start {:.0?}, {:.0?} in all",
        engine.as_str(),
        server.slowest,
        began.elapsed()
    )
}
