use std::{collections::BTreeSet, sync::Arc};

use kaching_api::{Catalogue, CatalogueFeature, CataloguePlan, Contact};
use kaching_base::{Limit, Limits, Mode};

use super::{
    Desk, MovedClock, code,
    stage::{Set, Stage, Standing},
};
use crate::{
    Clock, Fingerprint, Guard, LicenseKey,
    clock::read,
    engine::Engine,
    gate::Gates,
    guard::Handle,
    place::Place,
    random::Random,
    settings::Settings,
    shared::Shared,
    state::{Board, Shown},
    stop::Stops,
    timing::Timing,
    transport::{Call, Reply, Transport},
};

/// What a test grants.
#[must_use = "a guard runs from start()"]
pub struct Licensed(Set);

/// A plan that has more, as a denial names it.
#[derive(Clone, Debug)]
pub struct Plan(CataloguePlan);

impl Plan {
    /// A plan by its code and its name.
    pub fn new(code_: &str, name: &str) -> Self {
        let (code, name) = (code(code_), name.to_owned());
        Self(CataloguePlan {
            code,
            name,
            rank: 1,
            price: None,
            features: BTreeSet::new(),
            limits: Limits::new(),
        })
    }

    /// A feature that it has.
    #[must_use]
    pub fn feature(mut self, feature: &str) -> Self {
        self.0.features.insert(code(feature));
        self
    }

    /// The maximum of a level.
    #[must_use]
    pub fn limit(mut self, level: &str, max: u64) -> Self {
        self.0.limits.insert(code(level), Limit::Level { max: Some(max) });
        self
    }
}

impl Licensed {
    /// A license for a plan, of which only people read the code.
    pub fn new(plan: &str) -> Self {
        let catalogue = Catalogue {
            product: code("test"),
            contact: Contact::default(),
            features: Vec::new(),
            plans: vec![Plan::new(plan, plan).0],
        };
        Self(Set {
            licensed: true,
            features: BTreeSet::new(),
            limits: Limits::new(),
            mode: Mode::Block,
            keep: BTreeSet::new(),
            catalogue,
            key: None,
            entered: None,
            standing: Standing::Granted,
        })
    }

    /// A feature that is on.
    pub fn feature(mut self, feature: &str) -> Self {
        self.0.features.insert(code(feature));
        self
    }

    /// The maximum of a level.
    pub fn limit(mut self, level: &str, max: u64) -> Self {
        self.0.limits.insert(code(level), Limit::Level { max: Some(max) });
        self
    }

    /// What people call a feature, and what it is good for; it is on only by [`feature`](Self::feature).
    pub fn offer(mut self, feature: &str, title: &str, benefit: &str) -> Self {
        let (title, benefit) = (title.to_owned(), benefit.to_owned());
        self.0.catalogue.features.push(CatalogueFeature { code: code(feature), title, benefit });
        self
    }

    /// A plan above the present one, and above those named before.
    pub fn plan_above(mut self, Plan(plan): Plan) -> Self {
        let plans = &mut self.0.catalogue.plans;
        let rank = plans.last().map_or(1, |last| last.rank + 1);
        plans.push(CataloguePlan { rank, ..plan });
        self
    }

    /// Whom to ask for more.
    pub fn contact(mut self, email: &str) -> Self {
        self.0.catalogue.contact.email = Some(email.to_owned());
        self
    }

    /// A refusal, or the end of its time, leaves these features on and takes the others.
    pub fn degrade(mut self, keep: &[&str]) -> Self {
        self.0.mode = Mode::Degrade;
        self.0.keep = keep.iter().map(|feature| code(feature)).collect();
        self
    }

    /// A refusal, or the end of its time, is told and denies nothing.
    pub fn advise(mut self) -> Self {
        self.0.mode = Mode::Advise;
        self
    }

    /// Of the keys that are entered or asked about, only this one works; unless said, all do.
    pub fn key(mut self, license_key: &str) -> Self {
        self.0.key = Some(LicenseKey::new(license_key));
        self
    }

    /// Starts, with a license. It waits for nothing.
    pub fn start(self) -> (Guard, Desk) {
        start(self.0)
    }

    /// Starts without a license, as [`Builder::start_unlicensed`](crate::Builder::start_unlicensed) does, until a key
    /// is entered with [`Guard::activate`].
    pub fn start_unlicensed(self) -> (Guard, Desk) {
        start(Set { licensed: false, ..self.0 })
    }
}

/// Where the tests of a product end.
struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: &Call) -> Reply {
        Reply::Unreachable("a test has no network".to_owned())
    }
}

fn start(set: Set) -> (Guard, Desk) {
    let clock = Arc::new(MovedClock::default());
    let now = read(clock.as_ref());
    let settings = Settings {
        url: "https://licenses.example.com".to_owned(),
        roots: Vec::new(),
        product: set.catalogue.product.clone(),
        license_key: None,
        fingerprint: Fingerprint::of_test(),
        name: None,
        version: None,
        takeover: None,
        timing: Timing::default(),
    };
    let licensed = set.licensed;
    let stage = Stage::new(set);
    let engine = Engine::new(settings, None, now, clock.boot_id());
    let gates = Gates::new(Arc::clone(&clock) as Arc<dyn Clock>, engine.gate(now), engine.levels());
    let board = Board::new(Shown { state: engine.state(now), warnings: Vec::new() });
    let shared = Arc::new(Shared::new(
        engine,
        Place::Nowhere(stage.clone()),
        gates,
        board,
        Stops::default(),
        Arc::clone(&clock) as Arc<dyn Clock>,
        Random::new(Arc::new(rustls::crypto::aws_lc_rs::default_provider())),
        Box::new(NoNetwork),
    ));
    stage.lock().show(&shared, &mut shared.lock());
    shared.stops.arm(!licensed);
    // Nobody answers, so no call waits for an answer.
    let guard = Guard::new(Handle::new(Arc::clone(&shared), std::time::Duration::ZERO, false));
    (guard, Desk::new(shared, stage, clock))
}
