//! Following: on standby while another process holds the state directory, or on the lease that another node hands over.

use std::time::Duration;

use crate::{
    StartError,
    engine::Engine,
    handover::{Handover, HandoverSource},
    role::{LeaseSource, Role},
    shared::{Inner, Shared},
    state_files::HeldDirectory,
    store::{self, StateLocation, Store, StoreError, StoredState},
};

/// The number of observations in a row after which another installation's state is taken to stay there.
const FOREIGN: u32 = 5;

/// The state of the holder as a follower has observed it.
pub(crate) struct HolderView {
    location: StateLocation,
    /// The number of the last state that was loaded.
    sequence: Option<u64>,
    /// The number of times in a row that the state was another installation's.
    foreign: u32,
    /// The time since which there is none, on the boot clock.
    missing: Option<Duration>,
}

impl HolderView {
    pub(crate) fn new(location: StateLocation) -> Self {
        Self { location, sequence: None, foreign: 0, missing: None }
    }
}

impl Shared {
    /// Runs the main thread: follows until this process holds the state directory, and then makes the calls. Ends when the
    /// guard is shut down.
    pub(crate) fn run(&self, location: StateLocation) {
        let mut view = HolderView::new(location);
        while let Some(wait) = self.follow(&mut view) {
            self.sleep(wait);
        }
        self.run_calls();
    }

    /// Takes one step of a guard that follows, and returns how long to wait before the next. `None` if it does not
    /// follow.
    pub(crate) fn follow(&self, view: &mut HolderView) -> Option<Duration> {
        let mut inner = self.lock();
        match inner.engine.role() {
            Role::Follower => {
                match Store::open(&view.location.dir, &view.location.key) {
                    Ok((store, left)) => {
                        self.become_holder(&mut inner, store, left.as_deref());
                        return Some(Duration::ZERO);
                    }
                    Err(StoreError::InUse) => {}
                    Err(StoreError::Io(error)) => {
                        tracing::warn!(%error, "the state directory cannot be opened");
                    }
                }
                self.observe(&mut inner, view);
                inner.engine.followed(self.reading());
            }
            Role::Remote => {
                let LeaseSource::Node(source) = inner.engine.settings().source.clone() else { return None };
                drop(inner);
                let handover = fetch(source.as_ref());
                inner = self.lock();
                if inner.engine.role() == Role::Closed {
                    return None;
                }
                inner.engine.handed_over(handover, self.reading());
            }
            Role::Holder | Role::Closed => return None,
        }
        self.publish(&mut inner);
        let interval = inner.engine.settings().timing.follow_interval;
        drop(inner);
        self.notify_waiters();
        Some(interval)
    }

    fn become_holder(&self, inner: &mut Inner, store: Store, left: Option<&[u8]>) {
        tracing::info!("the process that kept the license is gone: this one keeps it from now on");
        let settings = inner.engine.settings().clone();
        let role = settings.source.role();
        let engine = Engine::new(settings, role, left, self.reading(), self.clock.boot_id());
        // The journal of this process is then absorbed like that of any follower that is gone.
        self.publish(inner);
        inner.engine = engine.succeed(&inner.engine);
        inner.files = Box::new(HeldDirectory::new(store));
    }

    /// Loads the state that the holder has on disk, if that is new.
    fn observe(&self, inner: &mut Inner, view: &mut HolderView) {
        let (now, engine) = (self.reading(), &mut inner.engine);
        let found = store::find(&view.location.dir, &view.location.key);
        view.missing = view.missing.filter(|_| found == StoredState::None);
        let ours = match found {
            StoredState::Foreign => false,
            StoredState::Found(sequence, _) if view.sequence == Some(sequence) => true,
            StoredState::Found(sequence, left) => {
                let ours = engine.observe(&left, now, self.clock.boot_id()).is_ok();
                if ours {
                    view.sequence = Some(sequence);
                    let levels = engine.levels().clone();
                    inner.files.set_holder_levels(&levels, self.checks.counters());
                }
                ours
            }
            StoredState::None => {
                // The holder writes at least as often as it marks the time.
                let since = *view.missing.get_or_insert(now.boot);
                if view.sequence.is_some() && now.boot >= since + 2 * engine.settings().timing.mark_interval {
                    engine.observe_nothing();
                    view.sequence = None;
                }
                true
            }
        };
        view.foreign = if ours { 0 } else { view.foreign + 1 };
        if view.foreign == FOREIGN {
            inner.engine.cannot_start(StartError::InUse { path: view.location.dir.clone() });
        }
    }
}

/// Fetches the handover of another node.
fn fetch(source: &dyn HandoverSource) -> Result<Handover, String> {
    let bytes = source.fetch().map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|_| "what it hands over cannot be read".to_owned())
}
