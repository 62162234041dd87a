//! A server under load, killed again and again.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use kaching_testkit::Engine;
use serde_json::json;

use crate::{
    dice::Dice,
    installation::Installation,
    operator::Operator,
    server::{Server, Token},
    stage::Stage,
    verify,
    wire::Target,
};

/// More than this many installations of one license never run at once.
pub(crate) const SLOTS: u64 = 8;
/// Each has installations of its own, together twice as many as there are slots.
const WORKERS: usize = 4;
const INSTALLATIONS: usize = 4;

/// The acknowledgements of each installation.
pub(crate) struct Ledger {
    pub(crate) license: String,
    pub(crate) installations: Vec<Mutex<Vec<Installation>>>,
    pub(crate) operator: Mutex<Operator>,
    /// Ids of what is there for another purpose.
    pub(crate) apart: Vec<String>,
}

/// Lets everybody go home, also when the one who kills has failed.
struct Ends<'a>(&'a Stage);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A license for everybody, and nothing acknowledged yet; and somebody who tries whether there is a slot.
pub(crate) fn fresh(server: &Server) -> (Ledger, Installation) {
    let license = server.license("loaded", SLOTS);
    server.ask("POST", "customers", &json!({"name": "Operated", "reference": "operated"}));
    let key = license["key"].as_str().unwrap();
    let own = |worker: usize| (0..INSTALLATIONS).map(move |at| format!("device-{worker}-{at}"));
    let made = |worker| own(worker).map(|name| Installation::new(key, name)).collect();
    let ledger = Ledger {
        license: license["id"].as_str().unwrap().to_owned(),
        installations: (0..WORKERS).map(|worker| Mutex::new(made(worker))).collect(),
        operator: Mutex::default(),
        apart: Vec::new(),
    };
    (ledger, Installation::new(key, "probe".to_owned()))
}

/// Loads the product calls of these targets, over which the workers are spread, and the operators' calls of these, each
/// by a program of its own, while somebody does `disturb`.
pub(crate) fn under_load(
    products: &[Target],
    operators: &[Target],
    token: &Token,
    ledger: &Ledger,
    stage: &Stage,
    disturb: impl FnOnce(),
) {
    stage.begin(ledger.installations.len() + operators.len());
    thread::scope(|scope| {
        let _ends = Ends(stage);
        for (worker, own) in ledger.installations.iter().enumerate() {
            let mut way = stage.way(products[worker % products.len()].clone());
            let mut dice = Dice::new(100 + worker as u64);
            scope.spawn(move || {
                while stage.goes_on() {
                    let chosen = usize::try_from(dice.below(INSTALLATIONS as u64)).unwrap();
                    own.lock().unwrap()[chosen].act(&mut way, &mut dice);
                }
            });
        }
        for (program, target) in operators.iter().enumerate() {
            let (mut way, mut dice) = (stage.way(target.clone()), Dice::new(200 + program as u64));
            scope.spawn(move || {
                while stage.goes_on() {
                    ledger.operator.lock().unwrap().act(token, &mut way, &mut dice);
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
    let (ledger, mut probe) = fresh(&server);
    let (stage, mut dice, address, token) =
        (Stage::default(), Dice::new(1), server.address, server.token.clone());
    let servers = [address.into()];
    under_load(&servers, &servers, &token, &ledger, &stage, || {
        for _ in 0..kills {
            stage.work(dice.below(300), Duration::from_micros(dice.below(3000)));
            server.kill();
            stage.pause();
            server.restart();
            stage.until_parked();
            let mut way = stage.way(address);
            verify::standing(&server, &ledger, &mut probe, &mut way, &mut dice);
        }
    });
    let writes = verify::everything(&mut server, &ledger, &probe);
    let (answers, repeated) = stage.counts();
    format!(
        "kaching serve on {}: {kills} kills, {writes} acknowledged writes, 0 lost, {answers} answers, {repeated} attempts \
         without one, slowest start {:.0?}, {:.0?} in all",
        engine.as_str(),
        server.slowest,
        began.elapsed()
    )
}
