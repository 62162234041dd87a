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
    Fingerprint, Guard, HandoverSource, LicenseKey, StartError, State,
    checks::Checks,
    clock::{Clock, SystemClock, read},
    engine::Engine,
    guard::Handle,
    key_service::AuthorityKeys,
    random::Random,
    role::{LeaseSource, Role},
    settings::Settings,
    shared::Shared,
    state_files::{FollowerFiles, HeldDirectory, StateFiles},
    stop::{Callback, StopActions},
    store::{StateKey, StateLocation, Store, StoreError},
    timing::Timing,
    transport::{Http, Route, Transport, checked_url},
};

/// The settings to start a guard with.
#[must_use = "a guard runs from start()"]
pub struct Builder {
    source: LeaseSource,
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

impl Guard {
    /// A guard for the authority at a URL, trusted by its root key: the line `kaching-root:…`, compiled into the product.
    pub fn builder(url: &str, root: &str) -> Builder {
        Builder::new(LeaseSource::Authority(url.to_owned()), root)
    }

    /// A guard for a node of an installation whose lease another node renews. It fetches the handover of that node,
    /// verifies it up to the root key, and asks no authority. It needs product, fingerprint and a state directory of its
    /// own, and no license key.
    pub fn follow(source: impl HandoverSource, root: &str) -> Builder {
        Builder::new(LeaseSource::Node(Arc::new(source)), root)
    }
}

impl Builder {
    fn new(source: LeaseSource, root: &str) -> Self {
        Self {
            source,
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

    /// Pins another root key in addition to the first.
    pub fn also_root(mut self, root: &str) -> Self {
        self.roots.push(root.to_owned());
        self
    }

    /// The product's code. Needed.
    pub fn product(mut self, code: &str) -> Self {
        self.product = Some(code.to_owned());
        self
    }

    /// The license key. Needed, except where somebody enters it later ([`start_unlicensed`](Self::start_unlicensed)), and
    /// where another node renews the lease ([`Guard::follow`]).
    pub fn license_key(mut self, key: LicenseKey) -> Self {
        self.license_key = Some(key);
        self
    }

    /// The fingerprint that identifies this installation. Needed.
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// The directory for lease and credential, for this installation alone, on a persistent volume. Needed.
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(dir.into());
        self
    }

    /// The name of this installation for people.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The product's version.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Moves the slot of another activation here. Use it only if somebody asked for that.
    pub fn moves_from(mut self, from: ActivationId) -> Self {
        self.takeover = Some(from);
        self
    }

    /// Whether a shutdown gives the slot back. The default is yes for instances, and no otherwise.
    pub fn release_on_shutdown(mut self, release: bool) -> Self {
        self.release = Some(release);
        self
    }

    /// The longest time that a start takes. The default is 10 seconds.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.timing.start_timeout = timeout;
        self
    }

    /// The longest time that one call takes. The default is 10 seconds.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.timing.call_timeout = timeout;
        self
    }

    /// The proxy, like `http://proxy.example.com:3128`. The default is the one that `HTTPS_PROXY` names.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// A PEM file with certificate authorities to trust in addition to Mozilla's list: a company's own, or that of a proxy
    /// that inspects connections. Statements are still verified up to the pinned root.
    pub fn extra_ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(path.into());
        self
    }

    /// Adds a callback for when nothing may run any more. It is called on a thread of its own, after the stop is on disk.
    pub fn on_stop(mut self, callback: impl Fn(&State) + Send + Sync + 'static) -> Self {
        self.callbacks.push(Arc::new(callback));
        self
    }

    /// Ends the process with exit code 1 when nothing may run any more, unless that changes within `timeout`. Without this,
    /// the library never ends a process.
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
    /// runs on a lease that was verified before and is still valid. Where another process of the same installation holds
    /// the state directory, it runs on the lease of that process, and replaces it when it ends.
    ///
    /// # Errors
    /// If there is no valid license. The error is a sentence that says what to do.
    pub fn start(self) -> Result<Guard, StartError> {
        self.run().and_then(|(guard, outcome)| outcome.map(|()| guard))
    }

    /// Starts even without a valid license: every check denies until there is one. It is for products in which somebody
    /// enters the license key ([`Guard::activate`]), or that show why they do not run.
    ///
    /// # Errors
    /// If it cannot start at all: a setting is wrong, or the state directory cannot be used.
    pub fn start_unlicensed(self) -> Result<Guard, StartError> {
        match self.run()? {
            (_, Err(error @ (StartError::InUse { .. } | StartError::WrongRoot { .. }))) => Err(error),
            (guard, _) => Ok(guard),
        }
    }

    /// Starts the threads, and returns the guard with the outcome of its start.
    fn run(self) -> Result<(Guard, Result<(), StartError>), StartError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (timing, polls) = (self.timing.clone(), matches!(self.source, LeaseSource::Authority(_)));
        let random = Random::new(Arc::clone(&provider));
        let transport = |url: &str, route| Box::new(Http::new(url, route, provider)) as Box<dyn Transport>;
        let (shared, guard, location) = self.prepare(random, transport)?;
        spawn("kaching-calls", &location.dir, {
            let (shared, location) = (Arc::clone(&shared), location.clone());
            move || shared.run(location)
        })?;
        let usage = Arc::clone(&shared);
        spawn("kaching-usage", &location.dir, move || usage.run_usage())?;
        if polls {
            let shared = Arc::clone(&shared);
            spawn("kaching-polls", &location.dir, move || shared.run_polls())?;
        }
        let outcome = shared.await_start(timing.start_timeout);
        Ok((guard, outcome))
    }

    /// Returns everything but the threads: their shared state, the guard, and the location of the state on disk.
    pub(crate) fn prepare(
        self,
        random: Random,
        transport: impl FnOnce(&str, Route) -> Box<dyn Transport>,
    ) -> Result<(Arc<Shared>, Guard, StateLocation), StartError> {
        let dir = self.state_dir.clone().ok_or_else(|| missing("state_dir"))?;
        let (clock, timing, release) = (Arc::clone(&self.clock), self.timing.clone(), self.release);
        let stops = StopActions::new(self.callbacks.clone(), self.exit_after);
        let route = self.route()?;
        let settings = self.settings()?;
        let release = release.unwrap_or(settings.fingerprint.kind() == FingerprintKind::Instance);
        let transport = transport(settings.url(), route);
        let key = StateKey::of(&settings.product, &settings.fingerprint);
        let location = StateLocation { dir, key };
        let Opened { role, files, left } = open(&location, &settings.source, &random)?;
        let now = read(clock.as_ref());
        let mut engine = Engine::new(settings, role, left.as_deref(), now, clock.boot_id());
        if role == Role::Holder && engine.settings().license_key.is_none() {
            engine.cannot_start(StartError::NoKey);
        }
        let checks = Checks::new(Arc::clone(&clock), engine.check_snapshot(now), engine.levels());
        let shared = Arc::new(Shared::new(engine, files, checks, stops, clock, random, transport));
        let keys = Box::new(AuthorityKeys::new(Arc::clone(&shared), timing.call_timeout));
        let guard = Guard::new(Handle::new(Arc::clone(&shared), keys, timing.call_timeout, release));
        Ok((shared, guard, location))
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
        let (source, license_key) = match self.source {
            LeaseSource::Authority(url) => {
                (LeaseSource::Authority(checked_url(&url).map_err(setting)?), self.license_key)
            }
            // A node that asks no authority has no use for a key.
            source @ LeaseSource::Node(_) => (source, None),
        };
        Ok(Settings {
            source,
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

/// A state directory as this process may use it.
struct Opened {
    role: Role,
    files: Box<dyn StateFiles>,
    /// The state that was left there, where this process holds it.
    left: Option<Vec<u8>>,
}

/// Takes the state directory, or follows the process that holds it.
fn open(location: &StateLocation, source: &LeaseSource, random: &Random) -> Result<Opened, StartError> {
    let StateLocation { dir, key } = location;
    let unusable = |source| StartError::StateDir { path: dir.clone(), source };
    match Store::open(dir, key) {
        Ok((store, left)) => {
            Ok(Opened { role: source.role(), files: Box::new(HeldDirectory::new(store)), left })
        }
        Err(StoreError::InUse) => {
            let mark = random.bytes().ok_or_else(|| unusable(std::io::Error::other("no random bytes")))?;
            let files = Box::new(FollowerFiles::open(dir, mark).map_err(unusable)?);
            Ok(Opened { role: Role::Follower, files, left: None })
        }
        Err(StoreError::Io(source)) => Err(unusable(source)),
    }
}

fn missing(what: &str) -> StartError {
    StartError::Setting(format!("a guard needs {what}: name it on the builder"))
}

fn spawn(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| StartError::StateDir { path: dir.to_owned(), source })
}
