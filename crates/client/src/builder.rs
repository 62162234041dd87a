use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use kaching_base::{ActivationId, FingerprintKind, pasted};
use kaching_license::RootKey;

use crate::{
    Fingerprint, Guard, LicenseKey, Source, StartError, State,
    clock::{Clock, SystemClock, read},
    engine::Engine,
    gate::Gates,
    guard::Handle,
    place::Place,
    random::Random,
    settings::Settings,
    shared::Shared,
    standing_by::Duty,
    state::{Board, Shown},
    stop::{Callback, Stops},
    store::{Home, StateKey, Store, StoreError},
    timing::Timing,
    transport::{Http, Route, Transport, checked_url},
};

/// What a guard is started with.
#[must_use = "a guard runs from start()"]
pub struct Builder {
    from: From,
    roots: Vec<String>,
    product: Option<String>,
    license_key: Option<LicenseKey>,
    fingerprint: Option<Fingerprint>,
    state_dir: Option<PathBuf>,
    name: Option<String>,
    version: Option<String>,
    takeover: Option<ActivationId>,
    release: Option<bool>,
    timing: Timing,
    clock: Arc<dyn Clock>,
    callbacks: Vec<Callback>,
    exit_after: Option<Duration>,
    proxy: Option<String>,
    authorities: Vec<PathBuf>,
}

/// Who gives the leases.
enum From {
    Authority(String),
    Node(Arc<dyn Source>),
}

impl Builder {
    pub(crate) fn of_authority(url: &str, root: &str) -> Self {
        Self::new(From::Authority(url.to_owned()), root)
    }

    pub(crate) fn of_node(source: Arc<dyn Source>, root: &str) -> Self {
        Self::new(From::Node(source), root)
    }

    fn new(from: From, root: &str) -> Self {
        Self {
            from,
            roots: vec![root.to_owned()],
            product: None,
            license_key: None,
            fingerprint: None,
            state_dir: None,
            name: None,
            version: None,
            takeover: None,
            release: None,
            timing: Timing::default(),
            clock: Arc::new(SystemClock),
            callbacks: Vec::new(),
            exit_after: None,
            proxy: None,
            authorities: Vec::new(),
        }
    }

    /// Pins another root key besides the first.
    pub fn also_root(mut self, root: &str) -> Self {
        self.roots.push(root.to_owned());
        self
    }

    /// The product's code. Needed.
    pub fn product(mut self, code: &str) -> Self {
        self.product = Some(code.to_owned());
        self
    }

    /// The license key. Needed, but where somebody enters it later ([`start_unlicensed`](Self::start_unlicensed)), and
    /// where another node keeps the lease ([`Guard::follow`]).
    pub fn license_key(mut self, key: LicenseKey) -> Self {
        self.license_key = Some(key);
        self
    }

    /// What identifies this installation. Needed.
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Where lease and credential are kept: a directory of its own, on a volume that stays. Needed.
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(dir.into());
        self
    }

    /// What people call this installation.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The product's version.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Moves the license here from an activation that holds it now; only somebody who asked for that says so.
    pub fn takeover(mut self, from: ActivationId) -> Self {
        self.takeover = Some(from);
        self
    }

    /// Whether a shutdown gives the slot back; it does for instances, unless said otherwise.
    pub fn release_on_shutdown(mut self, release: bool) -> Self {
        self.release = Some(release);
        self
    }

    /// The longest time that a start takes: 10 seconds unless said otherwise.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.timing.start = timeout;
        self
    }

    /// The longest time that one call takes: 10 seconds unless said otherwise.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.timing.call = timeout;
        self
    }

    /// The proxy to go through, like `http://proxy.example.com:3128`; unless said, the one that `HTTPS_PROXY` names.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// A PEM file with more certificate authorities to trust, besides Mozilla's list: of a company's own, or of a proxy
    /// that looks into connections. Statements are verified up to the pinned root all the same.
    pub fn extra_ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(path.into());
        self
    }

    /// What to do when nothing may run any more; called on a thread of its own, after the stop stands on disk.
    pub fn on_stop(mut self, callback: impl Fn(&State) + Send + Sync + 'static) -> Self {
        self.callbacks.push(Arc::new(callback));
        self
    }

    /// Ends the process with exit code 1 when nothing may run any more and nothing has changed that within `timeout`.
    /// Without this, the library never ends a process.
    pub fn stop_with(mut self, timeout: Duration) -> Self {
        self.exit_after = Some(timeout);
        self
    }

    /// Other intervals, for tests.
    #[doc(hidden)]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Other clocks, for tests.
    #[doc(hidden)]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts: verifies, activates where needed, and keeps the lease in the background.
    ///
    /// It takes as long as the authority needs to answer, and no longer than the start's timeout. Without an answer it
    /// goes on with the lease that was verified before, inside its time. Where another process of the same installation
    /// holds the state directory, it runs on the lease of that one, and takes its place when it ends.
    ///
    /// # Errors
    /// If there is no valid license, with a sentence that says what to do.
    pub fn start(self) -> Result<Guard, StartError> {
        self.run().and_then(|(guard, outcome)| outcome.map(|()| guard))
    }

    /// Starts without a valid license, too: every check says no until there is one. For products in which somebody
    /// enters the license key ([`Guard::activate`]), or that show why they do not run.
    ///
    /// # Errors
    /// If it cannot start at all: a setting makes no sense, or the state directory cannot be used.
    pub fn start_unlicensed(self) -> Result<Guard, StartError> {
        match self.run()? {
            (_, Err(error @ (StartError::InUse { .. } | StartError::WrongRoot { .. }))) => Err(error),
            (guard, _) => Ok(guard),
        }
    }

    /// A guard that runs, and how its start went.
    fn run(self) -> Result<(Guard, Result<(), StartError>), StartError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (timing, duty) = (self.timing.clone(), self.duty());
        let random = Random::new(Arc::clone(&provider));
        let carrier = |url: &str, route| Box::new(Http::new(url, route, provider)) as Box<dyn Transport>;
        let (shared, guard, home) = self.prepare(random, carrier)?;
        let began = shared.reading().boot;
        let listens = matches!(duty, Duty::Keep);
        lane("kaching-keep", &home.dir, {
            let (shared, home) = (Arc::clone(&shared), home.clone());
            move || shared.live(&duty, &home)
        })?;
        let counting = Arc::clone(&shared);
        lane("kaching-count", &home.dir, move || counting.count())?;
        if listens {
            let shared = Arc::clone(&shared);
            lane("kaching-listen", &home.dir, move || shared.listen())?;
        }
        let outcome = shared.wait_for(timing.start, |inner| inner.engine.started());
        let outcome = outcome.unwrap_or_else(|| {
            let now = shared.reading();
            shared.lock().engine.give_up(now)
        });
        if outcome.is_ok() {
            let left = (began + timing.start).saturating_sub(shared.reading().boot);
            shared.wait_for_catalogue(left);
        }
        // What has never run cannot stop.
        shared.stops.arm(outcome.is_err());
        shared.stops.told(&shared.board.shown().state, &shared.board, None);
        Ok((guard, outcome))
    }

    /// Everything but the threads: what they share, the guard, and where the state is kept.
    pub(crate) fn prepare(
        self,
        random: Random,
        transport: impl FnOnce(&str, Route) -> Box<dyn Transport>,
    ) -> Result<(Arc<Shared>, Guard, Home), StartError> {
        let dir = self.state_dir.clone().ok_or_else(|| missing("state_dir"))?;
        let (clock, timing, release) = (Arc::clone(&self.clock), self.timing.clone(), self.release);
        let stops = Stops::new(self.callbacks.clone(), self.exit_after);
        let (route, duty) = (self.route()?, self.duty());
        let settings = self.settings()?;
        let release = release.unwrap_or(settings.fingerprint.kind() == FingerprintKind::Instance);
        let transport = transport(&settings.url, route);
        let key = StateKey::of(&settings.product, &settings.fingerprint);
        let home = Home { dir, key };
        let (place, left) = take(&home, &random)?;
        let now = read(clock.as_ref());
        let engine = Engine::new(settings, left.as_deref(), now, clock.boot_id());
        let follows = matches!(place, Place::Beside(_)) || matches!(duty, Duty::Follow(_));
        let mut engine = if follows { engine.follow() } else { engine };
        if !follows && engine.settings().license_key.is_none() {
            engine.cannot_start(StartError::NoKey);
        }
        let gates = Gates::new(Arc::clone(&clock), engine.gate(now), engine.levels());
        let board = Board::new(Shown { state: engine.state(now), warnings: engine.warnings(now) });
        let shared = Arc::new(Shared::new(engine, place, gates, board, stops, clock, random, transport));
        let guard = Guard::new(Handle::new(Arc::clone(&shared), timing.call, release));
        Ok((shared, guard, home))
    }

    fn duty(&self) -> Duty {
        match &self.from {
            From::Authority(_) => Duty::Keep,
            From::Node(source) => Duty::Follow(Arc::clone(source)),
        }
    }

    fn route(&self) -> Result<Route, StartError> {
        let proxy = self.proxy.as_deref().map(ureq::Proxy::new).transpose();
        // The error may name the URL, which may hold a password.
        let proxy = proxy.map_err(|_| {
            StartError::Setting("the proxy's URL is not one like http://proxy.example.com:3128".to_owned())
        })?;
        let mut route = Route { proxy, ..Route::default() };
        for path in &self.authorities {
            let failed = |why: String| {
                StartError::Setting(format!("the certificates in {} cannot be used: {why}", path.display()))
            };
            let pem = fs::read(path).map_err(|error| failed(error.to_string()))?;
            route.trust(&pem).map_err(failed)?;
        }
        Ok(route)
    }

    fn settings(self) -> Result<Settings, StartError> {
        let setting = |error: String| StartError::Setting(error);
        let roots: Result<Vec<RootKey>, _> = self.roots.iter().map(|root| pasted(root).parse()).collect();
        let (url, license_key) = match &self.from {
            From::Authority(url) => (checked_url(url).map_err(setting)?, self.license_key),
            // It asks no authority, and has no use for a key.
            From::Node(_) => (String::new(), None),
        };
        Ok(Settings {
            url,
            roots: roots.map_err(|error| setting(error.to_string()))?,
            product: self
                .product
                .ok_or_else(|| missing("product"))?
                .parse()
                .map_err(|error: kaching_base::ParseError| setting(format!("the product's code: {error}")))?,
            license_key,
            fingerprint: self.fingerprint.ok_or_else(|| missing("fingerprint"))?,
            name: self.name,
            version: self.version,
            takeover: self.takeover,
            timing: self.timing,
        })
    }
}

/// Takes the state directory, or a place beside the process that holds it.
fn take(home: &Home, random: &Random) -> Result<(Place, Option<Vec<u8>>), StartError> {
    let Home { dir, key } = home;
    let unusable = |source| StartError::StateDir { path: dir.clone(), source };
    match Store::open(dir, key) {
        Ok((store, left)) => Ok((Place::Holds { store, followed: true }, left)),
        Err(StoreError::InUse) => {
            let mark = random.bytes().ok_or_else(|| unusable(std::io::Error::other("no random bytes")))?;
            Ok((Place::beside(dir, mark).map_err(unusable)?, None))
        }
        Err(StoreError::Io(source)) => Err(unusable(source)),
    }
}

fn missing(what: &str) -> StartError {
    StartError::Setting(format!("a guard needs {what}: name it on the builder"))
}

fn lane(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| StartError::StateDir { path: dir.to_owned(), source })
}
