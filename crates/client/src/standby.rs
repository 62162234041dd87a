//! The main thread of a guard: it waits on standby while another process holds the state directory, and then gets the
//! leases itself.

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

/// After so many looks in a row at the state of another installation, it is taken to stay there.
const FOREIGN: u32 = 5;

/// The holder's state as a follower has seen it.
#[derive(Default)]
struct HolderView {
    /// The number of the last state that it loaded.
    sequence: Option<u64>,
    /// So many times in a row it was another installation's.
    foreign: u32,
    /// Since when there is none, on the boot clock.
    missing: Option<Duration>,
}

impl Shared {
    /// Runs until the guard is shut down.
    pub(crate) fn run(&self, location: &StateLocation) {
        self.stand_by(location);
        let source = self.lock().engine.settings().source.clone();
        match source {
            LeaseSource::Authority(_) => self.run_calls(),
            LeaseSource::Node(source) => self.follow_node(source.as_ref()),
        }
    }

    /// Runs on the state that the holder has on disk, until that process is gone and this one holds the directory.
    fn stand_by(&self, location: &StateLocation) {
        let mut view = HolderView::default();
        loop {
            let mut inner = self.lock();
            if inner.engine.role() != Role::Follower {
                return;
            }
            match Store::open(&location.dir, &location.key) {
                Ok((store, left)) => return self.become_holder(&mut inner, store, left.as_deref()),
                Err(StoreError::InUse) => {}
                Err(StoreError::Io(error)) => tracing::warn!(%error, "the state directory cannot be opened"),
            }
            self.observe(&mut inner, location, &mut view);
            inner.engine.followed(self.reading());
            self.publish(&mut inner);
            let interval = inner.engine.settings().timing.follow;
            drop(inner);
            self.notify_waiters();
            self.sleep(interval);
        }
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
    fn observe(&self, inner: &mut Inner, location: &StateLocation, view: &mut HolderView) {
        let (now, engine) = (self.reading(), &mut inner.engine);
        let found = store::find(&location.dir, &location.key);
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
                if view.sequence.is_some() && now.boot >= since + 2 * engine.settings().timing.mark {
                    engine.observe_nothing();
                    view.sequence = None;
                }
                true
            }
        };
        view.foreign = if ours { 0 } else { view.foreign + 1 };
        if view.foreign == FOREIGN {
            inner.engine.cannot_start(StartError::InUse { path: location.dir.clone() });
        }
    }

    /// Runs on what another node hands over. Ends when the guard is shut down.
    fn follow_node(&self, source: &dyn HandoverSource) {
        loop {
            if self.is_closed() {
                return;
            }
            let fetched = source.fetch().map_err(|error| error.to_string()).and_then(|bytes| {
                serde_json::from_slice::<Handover>(&bytes)
                    .map_err(|_| "what it hands over cannot be read".to_owned())
            });
            let mut inner = self.lock();
            if inner.engine.role() == Role::Closed {
                return;
            }
            inner.engine.handed_over(fetched, self.reading());
            self.publish(&mut inner);
            let interval = inner.engine.settings().timing.follow;
            drop(inner);
            self.notify_waiters();
            self.sleep(interval);
        }
    }
}
