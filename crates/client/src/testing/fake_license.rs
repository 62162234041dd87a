use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kaching_api::{Catalogue, CatalogueFeature, CataloguePlan, Contact};
use kaching_base::{Code, Limit, Limits, Mode};

use super::{
    TestControl,
    clock::MovedClock,
    fake_state::{FakeAuthority, FakeState, FakeStatus, monthly, show},
    seams::{FakeKeys, MemoryOnly, NoNetwork},
};
use crate::{
    Clock, Fingerprint, Guard, LicenseKey, checks::Checks, clock::read, engine::Engine, guard::Handle,
    random::Random, role::Role, settings::Settings, shared::Shared, stop::StopActions,
};

/// The license that a test grants. Its plans have the features and limits that the test names, and no others: any other
/// name is an error of the product, as with a real license.
#[must_use = "a guard runs from start()"]
pub struct FakeLicense(FakeState);

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

impl FakeLicense {
    /// Creates a license for a plan of this code.
    pub fn new(plan: &str) -> Self {
        let catalogue = Catalogue {
            product: code("test"),
            contact: Contact::default(),
            features: Vec::new(),
            plans: vec![Plan::new(plan, plan).0],
        };
        Self(FakeState {
            licensed: true,
            features: BTreeSet::new(),
            limits: Limits::new(),
            mode: Mode::Block,
            keep: BTreeSet::new(),
            catalogue,
            key: None,
            entered: None,
            status: FakeStatus::Granted,
        })
    }

    /// A feature that is on.
    pub fn feature(mut self, feature: &str) -> Self {
        self.0.add_feature(feature);
        self
    }

    /// The maximum of a level.
    pub fn limit(mut self, level: &str, max: u64) -> Self {
        self.0.add_limit(level, Limit::Level { max: Some(max) });
        self
    }

    /// The maximum of a counter in a month.
    pub fn counter(mut self, counter: &str, max: u64) -> Self {
        self.0.add_limit(counter, monthly(max));
        self
    }

    /// The title of a feature, and its benefit. Only [`feature`](Self::feature) switches it on.
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

    /// The mail address to ask for more.
    pub fn contact(mut self, email: &str) -> Self {
        self.0.catalogue.contact.email = Some(email.to_owned());
        self
    }

    /// A refusal, or the end of the license, leaves these features on and switches off the others.
    pub fn degrade(mut self, keep: &[&str]) -> Self {
        self.0.mode = Mode::Degrade;
        self.0.keep = keep.iter().map(|feature| code(feature)).collect();
        self
    }

    /// A refusal, or the end of the license, is shown and denies nothing.
    pub fn advise(mut self) -> Self {
        self.0.mode = Mode::Advise;
        self
    }

    /// The only license key that works. Without one, every key does.
    pub fn key(mut self, license_key: &str) -> Self {
        self.0.key = Some(LicenseKey::new(license_key));
        self
    }

    /// Starts with a license, without waiting.
    pub fn start(self) -> (Guard, TestControl) {
        start(self.0)
    }

    /// Starts without a license, as [`Builder::start_unlicensed`](crate::Builder::start_unlicensed) does, until a key
    /// is entered with [`Guard::activate`].
    pub fn start_unlicensed(self) -> (Guard, TestControl) {
        start(FakeState { licensed: false, ..self.0 })
    }
}

fn start(fake: FakeState) -> (Guard, TestControl) {
    let moved = Arc::new(MovedClock::default());
    let clock = Arc::clone(&moved) as Arc<dyn Clock>;
    let now = read(clock.as_ref());
    let settings = Settings::of_test(Fingerprint::of_test());
    let licensed = fake.licensed;
    let authority = FakeAuthority::new(fake);
    let engine = Engine::new(settings, Role::Holder, None, now, clock.boot_id());
    let checks = Checks::new(Arc::clone(&clock), engine.check_snapshot(now), engine.levels());
    let random = Random::new(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let (files, stops) = (Box::new(MemoryOnly), StopActions::default());
    let shared = Arc::new(Shared::new(engine, files, checks, stops, clock, random, Box::new(NoNetwork)));
    show(&authority.lock(), &shared, &mut shared.lock());
    shared.stops.arm(!licensed);
    let keys = Box::new(FakeKeys { shared: Arc::clone(&shared), authority: authority.clone() });
    // There is no authority, so no call waits for an answer.
    let guard = Guard::new(Handle::new(Arc::clone(&shared), keys, Duration::ZERO, false));
    (guard, TestControl::new(shared, authority, moved))
}

fn code(text: &str) -> Code {
    Code::verbatim(text.to_owned())
}
