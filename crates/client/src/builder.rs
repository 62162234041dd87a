use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use kaching_base::{ActivationId, FingerprintKind};
use kaching_license::RootKey;

use crate::{
    Fingerprint, Guard, LicenseKey, StartError, State,
    clock::{Clock, SystemClock, read},
    engine::Engine,
    gate::Gates,
    guard::Handle,
    random::Random,
    settings::Settings,
    shared::Shared,
    state::Board,
    stop::{Callback, Stops},
    store::{Store, StoreError},
    timing::Timing,
    transport::{Http, checked_url},
};

/// What a guard is started with.
#[must_use = "a guard runs from start()"]
pub struct Builder {
    url: String,
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
}

impl Builder {
    pub(crate) fn new(url: &str, root: &str) -> Self {
        Self {
            url: url.to_owned(),
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

    /// The license key. Needed.
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
    /// goes on with the lease that was verified before, inside its time.
    ///
    /// # Errors
    /// If there is no valid license, with a sentence that says what to do.
    pub fn start(self) -> Result<Guard, StartError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let dir = self.state_dir.clone().ok_or_else(|| missing("state_dir"))?;
        let release = self.release;
        let (clock, timing) = (Arc::clone(&self.clock), self.timing.clone());
        let (callbacks, exit_after) = (self.callbacks.clone(), self.exit_after);
        let settings = self.settings()?;
        let release = release.unwrap_or(settings.fingerprint.kind() == FingerprintKind::Instance);
        let (store, left) = Store::open(&dir).map_err(|error| match error {
            StoreError::InUse => StartError::InUse { path: dir.clone() },
            StoreError::Io(source) => StartError::StateDir { path: dir.clone(), source },
        })?;
        let now = read(clock.as_ref());
        let transport = Box::new(Http::new(&settings.url, Arc::clone(&provider)));
        let engine = Engine::new(settings, left.as_deref(), now, clock.boot_id());
        let gates = Gates::new(Arc::clone(&clock), engine.gate(now), engine.levels());
        let board = Board::new(engine.state(now));
        let stops = Stops::new(callbacks, exit_after);
        let random = Random::new(provider);
        let shared = Arc::new(Shared::new(engine, store, gates, board, stops, clock, random, transport));
        let handle = Handle::new(Arc::clone(&shared), timing.call, release);
        lane("kaching-keep", &shared, Shared::keep, &dir)?;
        lane("kaching-listen", &shared, Shared::listen, &dir)?;
        let outcome = shared.wait_for(timing.start, |inner| inner.engine.started());
        outcome.unwrap_or_else(|| shared.lock().engine.give_up(now))?;
        shared.stops.arm();
        shared.stops.told(&shared.board.state(), &shared.board);
        Ok(Guard::new(handle))
    }

    fn settings(self) -> Result<Settings, StartError> {
        let setting = |error: String| StartError::Setting(error);
        let roots: Result<Vec<RootKey>, _> = self.roots.iter().map(|root| root.parse()).collect();
        Ok(Settings {
            url: checked_url(&self.url).map_err(setting)?,
            roots: roots.map_err(|error| setting(error.to_string()))?,
            product: self
                .product
                .ok_or_else(|| missing("product"))?
                .parse()
                .map_err(|error: kaching_base::ParseError| setting(format!("the product's code: {error}")))?,
            license_key: self.license_key.ok_or_else(|| missing("license_key"))?,
            fingerprint: self.fingerprint.ok_or_else(|| missing("fingerprint"))?,
            name: self.name,
            version: self.version,
            takeover: self.takeover,
            timing: self.timing,
        })
    }
}

fn missing(what: &str) -> StartError {
    StartError::Setting(format!("a guard needs {what}: name it on the builder"))
}

fn lane(name: &str, shared: &Arc<Shared>, run: fn(&Shared), dir: &std::path::Path) -> Result<(), StartError> {
    let shared = Arc::clone(shared);
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared));
    spawned.map(drop).map_err(|source| StartError::StateDir { path: dir.to_owned(), source })
}
