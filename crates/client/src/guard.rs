use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kaching_api::{HealthStatus, ReportKind};
use kaching_base::Base64Url;

use crate::{
    Denied, Fingerprint, License, LicenseKey, StartError, State, UnknownName, ValidateError, Validity,
    Warning, Watch,
    journal::Report,
    key_service::KeyService,
    license,
    role::Role,
    shared::{Inner, Shared},
};

/// Runs a product on its license. Cheap to clone; when the last clone is dropped, it ends without giving the slot back.
#[derive(Clone)]
pub struct Guard(Arc<Handle>);

/// The host's end of the threads.
pub(crate) struct Handle {
    shared: Arc<Shared>,
    keys: Box<dyn KeyService>,
    /// The bound of one call.
    call: Duration,
    release: bool,
}

/// Why a slot could not be given back.
#[derive(Debug, thiserror::Error)]
#[error(
    "the license authority did not take the slot back ({why}); the lease is forgotten here, and the slot becomes free when \
     it lapses"
)]
pub struct DeactivateError {
    pub(crate) why: String,
}

/// Why a report could not be recorded.
#[derive(Debug, thiserror::Error)]
#[error("the report cannot be sent: {why}")]
pub struct ReportError {
    why: String,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, keys: Box<dyn KeyService>, call: Duration, release: bool) -> Self {
        Self { shared, keys, call, release }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Guard {
    pub(crate) fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    /// Checks whether the product may run at all. It reads memory: no lock, and no allocation where the answer is yes.
    ///
    /// # Errors
    /// If it may not, with why and what to do.
    pub fn check(&self) -> Result<(), Denied> {
        self.0.shared.checks.check()
    }

    /// Checks whether a feature may be used. It reads memory: no lock, and no allocation where the answer is yes.
    ///
    /// # Errors
    /// If it may not, with the plan that has it, its benefit, and the vendor's contact. If no plan of the product has a
    /// feature of this name, as far as the catalogue is known: `unknown_name` of the denial has the names that are near.
    pub fn require(&self, feature: &str) -> Result<(), Denied> {
        self.0.shared.checks.require(feature)
    }

    /// Checks an amount against a limit, before the product grows.
    ///
    /// - *Level*: whether it may become `amount`. Where the answer is yes, that is the installation's level from now on and
    ///   is reported to the authority. A level that does not grow is always allowed.
    /// - *Counter*: whether `amount` more fit into the present period. Used so far is what the authority answered last, and
    ///   what this installation has recorded since. Nothing is recorded: that is for [`record`](Self::record).
    /// - *Slots*: whether there may be `amount` of them. The authority counts them.
    ///
    /// A limit that other plans have and this license has not is unlimited.
    ///
    /// # Errors
    /// If it may not, with the limit, the present use and the plan that allows more. If no plan of the product has a limit
    /// of this name, as far as the catalogue is known: `unknown_name` of the denial has the names that are near.
    pub fn ensure(&self, limit: &str, amount: u64) -> Result<(), Denied> {
        if self.0.shared.checks.ensure(limit, amount)? {
            self.0.shared.wake_calls();
        }
        Ok(())
    }

    /// Sets a level even above its limit: at start, or when a node has gone.
    ///
    /// # Errors
    /// If no plan of the product has a limit of this name, as far as the catalogue is known. Then nothing is set.
    pub fn set_level(&self, level: &str, amount: u64) -> Result<(), UnknownName> {
        if self.0.shared.checks.set_level(level, amount)? {
            self.0.shared.wake_calls();
        }
        Ok(())
    }

    /// Returns the level as it was last set; zero if it never was.
    pub fn level(&self, level: &str) -> u64 {
        self.0.shared.checks.counters().level(level)
    }

    /// Adds to a counter, even above its limit: in memory immediately, on disk within a second, and at the authority with
    /// the next heartbeat.
    ///
    /// # Errors
    /// If no plan of the product has a limit of this name, as far as the catalogue is known. Then nothing is recorded.
    pub fn record(&self, counter: &str, amount: u64) -> Result<(), UnknownName> {
        if self.0.shared.checks.add_usage(counter, amount)? && amount > 0 {
            self.0.shared.wake_usage();
        }
        Ok(())
    }

    /// Takes the usage that was recorded on a node that follows another one, for the product to carry to the node that
    /// renews the lease and to [`record`](Self::record) there. It is gone here then. The map is empty where this guard
    /// reports its usage itself.
    pub fn take_usage(&self) -> BTreeMap<String, u64> {
        let shared = &self.0.shared;
        shared.take_counts();
        let mut inner = shared.lock();
        if inner.engine.role() != Role::Remote {
            return BTreeMap::new();
        }
        let taken = inner.engine.take_usage();
        shared.publish(&mut inner);
        taken
    }

    /// Sets the health of the product. It goes with the next heartbeat, within half a minute where it changed.
    pub fn set_health(&self, status: HealthStatus, detail: Option<&str>) {
        let shared = &self.0.shared;
        let detail = detail.map(str::to_owned);
        let now = shared.reading();
        shared.lock().engine.set_health(status, detail, now);
        shared.wake_calls();
    }

    /// Reports an event in the product, in one sentence, to the authority's audit log. It is on disk when this returns,
    /// and is sent until the authority has accepted it.
    ///
    /// # Errors
    /// On a node that follows another one: report on the node that renews the lease.
    pub fn report(&self, kind: ReportKind, detail: &str) -> Result<(), ReportError> {
        let shared = &self.0.shared;
        let failed = |why: &str| ReportError { why: why.to_owned() };
        let nonce =
            shared.random.bytes::<16>().ok_or_else(|| failed("this machine gives no random bytes"))?;
        let mut inner = shared.lock();
        let at = inner.engine.now(shared.reading());
        let report = Report { kind, detail: detail.to_owned(), at, nonce: Base64Url(nonce).to_string() };
        match inner.engine.role() {
            Role::Closed => return Err(failed("the guard is shut down")),
            Role::Remote => {
                return Err(failed(
                    "this node follows another one, and only the node that keeps the lease can report",
                ));
            }
            Role::Holder | Role::Follower => {
                let Inner { engine, files, .. } = &mut *inner;
                files.report(engine, report);
            }
        }
        shared.publish(&mut inner);
        drop(inner);
        shared.wake_calls();
        Ok(())
    }

    /// Whether this process renews the lease itself, and does not follow another one.
    pub fn is_holder(&self) -> bool {
        self.0.shared.lock().engine.role() == Role::Holder
    }

    /// Returns the bytes that other nodes of this installation may run on, for their
    /// [`HandoverSource`](crate::HandoverSource). `None` before the first lease.
    pub fn handover(&self) -> Option<Vec<u8>> {
        let handover = self.0.shared.lock().engine.handover()?;
        serde_json::to_vec(&handover).ok()
    }

    /// Returns the state of the guard.
    pub fn state(&self) -> State {
        self.0.shared.state.snapshot().state
    }

    /// Returns the warnings for people; nothing stops for them.
    pub fn warnings(&self) -> Vec<Warning> {
        self.0.shared.state.snapshot().warnings
    }

    /// Follows the state from now on.
    pub fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.0.shared.state))
    }

    /// Returns the license as it is known, for people to see.
    pub fn license(&self) -> License {
        license::view(&self.0.shared.lock().engine, self.0.shared.reading())
    }

    /// Adds a callback for when nothing may run any more. It is called on a thread of its own, after the stop is on disk.
    pub fn on_stop(&self, callback: impl Fn(&State) + Send + Sync + 'static) {
        self.0.shared.stops.add(Arc::new(callback));
    }

    /// Sends a heartbeat now, waits for its answer, and returns the state then. It takes no longer than one call. Where the
    /// credential was displaced and the next activation has to wait, none is sent.
    pub fn heartbeat_now(&self) -> State {
        let shared = &self.0.shared;
        shared.take_counts();
        let now = shared.reading();
        let requested = shared.lock().engine.request_heartbeat(now);
        if let Some(sent) = requested {
            shared.wake_calls();
            shared.wait_for(self.0.call, |inner| inner.engine.is_settled_since(sent).then_some(()));
        }
        self.state()
    }

    /// Uses another license key from now on, entered by a person, in place of the one that the program was started with:
    /// this installation is activated with it immediately. The key is kept in the state directory, and counts until the
    /// program is configured with another one. A key that does not work changes nothing.
    ///
    /// It takes no longer than two calls, and a second for the catalogue; keys that are entered at the same time are tried
    /// one after the other. The slot of the old license becomes free when its lease has lapsed.
    ///
    /// # Errors
    /// If the key does not work, with a sentence for the person who entered it.
    pub fn activate(&self, license_key: LicenseKey) -> Result<(), StartError> {
        self.0.keys.activate(license_key, None)
    }

    /// As [`activate`](Self::activate), for another fingerprint than the one that the program was started with.
    ///
    /// # Errors
    /// As there.
    pub fn activate_as(&self, license_key: LicenseKey, fingerprint: Fingerprint) -> Result<(), StartError> {
        self.0.keys.activate(license_key, Some(fingerprint))
    }

    /// Asks the authority whether a license key can be used for this product, and with a fingerprint, whether it is active
    /// there. It changes nothing, here or there. It takes no longer than two calls.
    ///
    /// # Errors
    /// If there is no answer that counts.
    pub fn validate(
        &self,
        license_key: &LicenseKey,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<Validity, ValidateError> {
        self.0.keys.validate(license_key, fingerprint)
    }

    /// Gives the slot back for good: the lease is forgotten first, and every check says no from then on.
    ///
    /// # Errors
    /// If the authority could not be asked; another call tries again.
    pub fn deactivate(&self) -> Result<(), DeactivateError> {
        let shared = &self.0.shared;
        let failed = |why: &str| Err(DeactivateError { why: why.to_owned() });
        let role = shared.lock().engine.role();
        match role {
            Role::Holder => {}
            Role::Follower | Role::Remote => return failed("another process or node keeps the lease"),
            Role::Closed => return failed("the guard is shut down"),
        }
        shared.deactivate();
        let inner = shared.lock();
        if inner.engine.holds_nothing() {
            return Ok(());
        }
        failed(inner.engine.trouble().unwrap_or("it did not take the call"))
    }

    /// Ends the guard: it reports the usage, gives the slot back where so configured, and frees the state directory. A
    /// process that follows leaves its usage and the slot to the holder. It takes no longer than two calls. Checks of other
    /// clones keep their last answers until the lease ends.
    ///
    /// # Errors
    /// If the slot should have been given back and the authority could not be asked.
    pub fn shutdown(&self) -> Result<(), DeactivateError> {
        let shared = &self.0.shared;
        if shared.is_closed() {
            return Ok(());
        }
        shared.take_counts();
        let (owes, holds) = {
            let inner = shared.lock();
            (inner.engine.owes_usage(), inner.engine.role() == Role::Holder)
        };
        if owes && holds {
            self.heartbeat_now();
        }
        let outcome = if self.0.release && holds { self.deactivate() } else { Ok(()) };
        shared.close();
        outcome
    }
}
