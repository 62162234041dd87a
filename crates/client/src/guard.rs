use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kaching_api::{Health, HealthStatus, ReportKind};
use kaching_base::Base64Url;

use crate::{
    Builder, Denied, Fingerprint, License, LicenseKey, Source, StartError, State, Warning, Watch, license,
    place::Place, shared::Shared, spool::Report,
};

/// Runs a product on its license. Cheap to clone; when the last clone is dropped, it ends without giving the slot back.
#[derive(Clone)]
pub struct Guard(Arc<Handle>);

/// The host's end of the threads.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    /// The bound of one call.
    call: Duration,
    release: bool,
    /// Held while a key is on trial: one at a time.
    entering: Mutex<()>,
}

/// Why a slot could not be given back.
#[derive(Debug, thiserror::Error)]
#[error(
    "the license authority could not be told ({why}); the lease is forgotten here, and the slot frees itself when it lapses"
)]
pub struct NotTold {
    pub(crate) why: String,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, call: Duration, release: bool) -> Self {
        Self { shared, call, release, entering: Mutex::new(()) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Guard {
    /// A guard for the authority at a URL, trusted by its root key: the line `kaching-root:…`, compiled into the product.
    pub fn builder(url: &str, root: &str) -> Builder {
        Builder::of_authority(url, root)
    }

    /// A guard for a node whose installation's lease another node keeps: it takes what that one hands over, verifies it
    /// up to the root key, and asks no authority. Product, fingerprint and a state directory of its own are needed; no
    /// license key is.
    pub fn follow(source: impl Source, root: &str) -> Builder {
        Builder::of_node(Arc::new(source), root)
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The longest time that one call takes.
    pub(crate) fn bound(&self) -> Duration {
        self.0.call
    }

    /// Whether the product may run at all. Reads memory: no lock, no allocation where the answer is yes.
    ///
    /// # Errors
    /// If it may not, with why and what to do.
    pub fn check(&self) -> Result<(), Denied> {
        self.0.shared.gates.check()
    }

    /// Whether a feature may be used. Reads memory: no lock, no allocation where the answer is yes.
    ///
    /// # Errors
    /// If it may not, with the plan that has it, what is gained, and whom to ask.
    pub fn require(&self, feature: &str) -> Result<(), Denied> {
        self.0.shared.gates.require(feature)
    }

    /// Whether a level may become `amount`, asked before the product grows; where the answer is yes, it is the
    /// installation's level from now on and is told to the authority. A level that does not grow is always allowed.
    ///
    /// # Errors
    /// If it may not, with the limit, the present level and the plan that allows more.
    pub fn ensure(&self, level: &str, amount: u64) -> Result<(), Denied> {
        if self.0.shared.gates.ensure(level, amount)? {
            self.0.shared.nudge();
        }
        Ok(())
    }

    /// Tells a level as it is, whatever the limit: at start, or when a node has gone.
    pub fn set_level(&self, level: &str, amount: u64) {
        if self.0.shared.gates.level(level, amount) {
            self.0.shared.nudge();
        }
    }

    /// The level as it was last told.
    pub fn level(&self, level: &str) -> u64 {
        let counts = self.0.shared.gates.counts();
        counts.get(level).map_or(0, |count| count.level.load(std::sync::atomic::Ordering::Acquire))
    }

    /// Adds to a counter: in memory at once, on disk within a second, then with the next heartbeat.
    pub fn record(&self, counter: &str, amount: u64) {
        if amount > 0 && self.0.shared.gates.record(counter, amount) {
            self.0.shared.recorded();
        }
    }

    /// Takes what was recorded on a node that follows, for the product to carry to the node that keeps the lease, and
    /// to [`record`](Self::record) there. It is taken for good. Nothing where this guard tells its usage itself.
    pub fn take_usage(&self) -> BTreeMap<String, u64> {
        let shared = &self.0.shared;
        shared.take_counts();
        let mut inner = shared.lock();
        if !inner.engine.follows() || !matches!(inner.place, Place::Holds { .. }) {
            return BTreeMap::new();
        }
        let taken = inner.engine.take_usage();
        shared.settle(&mut inner);
        taken
    }

    /// Tells how the product is. It goes with the next heartbeat, within half a minute where it changed.
    pub fn set_health(&self, status: HealthStatus, detail: Option<&str>) {
        let shared = &self.0.shared;
        let detail = detail.map(str::to_owned);
        let now = shared.reading();
        shared.lock().engine.is(Health { status, detail }, now);
        shared.nudge();
    }

    /// Tells the authority's audit log what happened in the product, in one sentence. It is on disk when this returns,
    /// and is sent until it is taken.
    ///
    /// # Errors
    /// On a node that follows another one, which has nobody to tell: report on the node that keeps the lease.
    pub fn report(&self, kind: ReportKind, detail: &str) -> Result<(), NotTold> {
        let shared = &self.0.shared;
        let not = |why: &str| NotTold { why: why.to_owned() };
        let nonce = shared.random.bytes::<16>().ok_or_else(|| not("no random bytes"))?;
        let mut inner = shared.lock();
        let at = inner.engine.now(shared.reading());
        let report = Report { kind, detail: detail.to_owned(), at, nonce: Base64Url(nonce).to_string() };
        let follows = inner.engine.follows();
        match &mut inner.place {
            Place::Left => return Err(not("the guard is shut down")),
            Place::Beside(beside) => beside.spool().told().reports.push(report),
            Place::Holds { .. } if follows => return Err(not("this node follows another one")),
            Place::Holds { .. } => inner.engine.report(report),
            #[cfg(feature = "testing")]
            Place::Nowhere(_) => inner.engine.report(report),
        }
        shared.settle(&mut inner);
        drop(inner);
        shared.nudge();
        Ok(())
    }

    /// Whether this process keeps the lease itself, rather than follow the one that does.
    pub fn is_holder(&self) -> bool {
        !self.0.shared.lock().engine.follows()
    }

    /// What other nodes of this installation may run on: the bytes for their [`Source`]. Nothing before the first lease.
    pub fn handover(&self) -> Option<Vec<u8>> {
        let handover = self.0.shared.lock().engine.handover()?;
        serde_json::to_vec(&handover).ok()
    }

    /// How the guard stands.
    pub fn state(&self) -> State {
        self.0.shared.board.shown().state
    }

    /// What people should look at, although nothing stops for it.
    pub fn warnings(&self) -> Vec<Warning> {
        self.0.shared.board.shown().warnings
    }

    /// Follows the state from now on.
    pub fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.0.shared.board))
    }

    /// The license as it is known, for people to see.
    pub fn license(&self) -> License {
        let mut inner = self.0.shared.lock();
        license::view(&mut inner.engine, self.0.shared.reading())
    }

    /// What to do when nothing may run any more; called on a thread of its own, after the stop stands on disk.
    pub fn on_stop(&self, callback: impl Fn(&State) + Send + Sync + 'static) {
        self.0.shared.stops.add(Arc::new(callback));
    }

    /// Sends a heartbeat now, waits for its answer, and says how the guard stands then. It takes no longer than one call.
    /// Where the credential was displaced and the next activation has to wait, none is sent.
    pub fn heartbeat_now(&self) -> State {
        let shared = &self.0.shared;
        shared.take_counts();
        let now = shared.reading();
        let hurried = shared.lock().engine.hurry(now);
        if let Some(turns) = hurried {
            shared.nudge();
            shared.wait_for(self.0.call, |inner| inner.engine.hurried_since(turns).then_some(()));
        }
        self.state()
    }

    /// Takes another license key from now on, entered by a person, in place of the one that the program was started
    /// with: this installation is activated with it at once. The key is kept in the state directory, and counts there
    /// until the program is configured with another one. A key that does not work changes nothing.
    ///
    /// It takes no longer than two calls, and a second for the catalogue; keys that are entered at once are tried one
    /// after the other. What the old license held becomes free when its lease has lapsed.
    ///
    /// # Errors
    /// If the key does not work, with a sentence for the person who entered it.
    pub fn activate(&self, license_key: LicenseKey) -> Result<(), StartError> {
        self.enter(license_key, None)
    }

    /// As [`activate`](Self::activate), for another fingerprint than the one that the program was started with.
    ///
    /// # Errors
    /// As there.
    pub fn activate_as(&self, license_key: LicenseKey, fingerprint: Fingerprint) -> Result<(), StartError> {
        self.enter(license_key, Some(fingerprint))
    }

    fn enter(&self, license_key: LicenseKey, fingerprint: Option<Fingerprint>) -> Result<(), StartError> {
        let shared = &self.0.shared;
        let _alone = self.0.entering.lock().unwrap_or_else(PoisonError::into_inner);
        let cannot = |why: &str| StartError::Setting(why.to_owned());
        let draw = shared.random.draw().ok_or_else(|| cannot("this machine gives no random bytes"))?;
        let mut inner = shared.lock();
        #[cfg(feature = "testing")]
        if let Some(outcome) = crate::testing::enter(shared, &mut inner, &license_key) {
            return outcome;
        }
        if inner.place.is_left() {
            return Err(cannot("the guard is shut down"));
        }
        if !matches!(inner.place, Place::Holds { .. }) || inner.engine.follows() {
            return Err(cannot(
                "another process or node keeps this installation's license: enter the key there",
            ));
        }
        inner.engine.enter(license_key, fingerprint, shared.reading(), &draw);
        drop(inner);
        shared.nudge();
        let outcome = shared.wait_for(2 * self.0.call, |inner| inner.engine.tried());
        outcome.unwrap_or_else(|| Err(shared.lock().engine.dismiss_candidate()))?;
        shared.wait_for_catalogue(self.0.call);
        Ok(())
    }

    /// Gives the slot back for good: the lease is forgotten first, and every check says no from then on.
    ///
    /// # Errors
    /// If the authority could not be told; asking again tries again.
    pub fn deactivate(&self) -> Result<(), NotTold> {
        let shared = &self.0.shared;
        if shared.closed() {
            return Err(NotTold { why: "the guard is shut down".to_owned() });
        }
        if shared.lock().engine.follows() {
            return Err(NotTold { why: "another process or node keeps the lease".to_owned() });
        }
        shared.deactivate();
        let inner = shared.lock();
        if inner.engine.holds_nothing() {
            return Ok(());
        }
        let why = inner.engine.trouble().unwrap_or("it did not take the call").to_owned();
        Err(NotTold { why })
    }

    /// Ends the guard: tells what was used, gives the slot back where so configured, and frees the state directory; a
    /// process that follows leaves what it used to the holder, and the slot, too. It takes no longer than two calls.
    /// Checks of other clones say what they said last, until the lease ends.
    ///
    /// # Errors
    /// If the slot should have been given back and the authority could not be told.
    pub fn shutdown(&self) -> Result<(), NotTold> {
        let shared = &self.0.shared;
        if shared.closed() {
            return Ok(());
        }
        shared.take_counts();
        let (owes, follows) = {
            let inner = shared.lock();
            (inner.engine.owes_usage(), inner.engine.follows())
        };
        if owes && !follows {
            self.heartbeat_now();
        }
        let told = if self.0.release && !follows { self.deactivate() } else { Ok(()) };
        shared.close();
        told
    }
}
