//! One operation: one reading of the clock, one seed of randomness.

use std::sync::Arc;

use kaching_base::{ActivationId, ErrorCode, Id, IdKind, LicenseId, ProductId, Timestamp};
use kaching_domain::License;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    Cx,
    audit::Entry,
    daily::{Charged, DailyLimits},
    keys::KeyRing,
};

/// The context of an operation. Built again for each attempt from the same moment and seed, so that a transaction that
/// runs again does the same.
pub struct Op {
    /// When the operation happens.
    pub now: Timestamp,
    pub(crate) cx: Cx,
    pub(crate) keys: Arc<KeyRing>,
    random: ChaCha20Rng,
    pub(crate) subject: Option<(&'static str, Option<String>)>,
    pub(crate) daily: DailyLimits,
    /// The license to which the refusals of a product's call are charged.
    pub(crate) charged: Option<Charged>,
    /// Entries that only the limit of a day may keep out, which are written at the end.
    pub(crate) limited: Vec<(&'static str, Option<String>, Entry)>,
    /// Whether the version that the caller expects was compared.
    pub(crate) version_checked: bool,
    /// Side effects for the time after COMMIT.
    pub(crate) after: AfterCommit,
}

/// The side effects of an operation, which follow its COMMIT.
#[derive(Default)]
pub(crate) struct AfterCommit {
    /// Changes that listeners learn of.
    pub(crate) changes: Vec<Changed>,
    /// Products whose catalogue has changed, which the caches forget.
    pub(crate) catalogues: Vec<ProductId>,
    /// Refusals that repeat the last one, which are counted in memory.
    pub(crate) repeated: Vec<ErrorCode>,
    /// Whether a job was enqueued.
    pub(crate) wakes_workers: bool,
}

/// A change of a license, for its listeners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed {
    pub(crate) license: LicenseId,
    /// The only activation that is concerned; `None` where all of the license are.
    pub(crate) activation: Option<ActivationId>,
    pub(crate) revision: i64,
}

impl Op {
    pub(crate) fn new(
        now: Timestamp,
        cx: Cx,
        keys: Arc<KeyRing>,
        seed: [u8; 32],
        daily: DailyLimits,
    ) -> Self {
        Self {
            now,
            cx,
            keys,
            random: ChaCha20Rng::from_seed(seed),
            subject: None,
            daily,
            charged: None,
            limited: Vec::new(),
            version_checked: false,
            after: AfterCommit::default(),
        }
    }

    /// A new id.
    pub fn id<K: IdKind>(&mut self) -> Id<K> {
        Id::new(self.now, self.random())
    }

    /// Returns unpredictable bytes.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// Sets the action (`license.suspend`) and the target for the entries of this operation.
    pub fn on(&mut self, action: &'static str, target: impl ToString) {
        self.subject = Some((action, Some(target.to_string())));
    }

    /// Names the license to which the refusals of a product's call are charged.
    pub(crate) fn charge(&mut self, license: &License) {
        self.charged = Some(Charged::to(license));
    }

    /// Records that a license changed for all of its activations: its listeners learn of it after COMMIT.
    pub fn changed(&mut self, license: LicenseId, revision: i64) {
        self.after.changes.push(Changed { license, activation: None, revision });
    }

    /// Records that this one activation may do something else: only its listeners learn of it after COMMIT.
    pub(crate) fn changed_one(&mut self, license: LicenseId, activation: ActivationId, revision: i64) {
        self.after.changes.push(Changed { license, activation: Some(activation), revision });
    }

    /// Has the caches forget the catalogue of a product after COMMIT. Other processes notice the change by its version.
    pub(crate) fn catalogue_changed(&mut self, product: ProductId) {
        self.after.catalogues.push(product);
    }

    /// Records a refusal that repeats the last one: it leaves no entry of its own, and is counted after COMMIT.
    pub(crate) fn repeated(&mut self, code: ErrorCode) {
        self.after.repeated.push(code);
    }

    /// Wakes the workers of this process after COMMIT.
    pub(crate) fn wake_workers(&mut self) {
        self.after.wakes_workers = true;
    }
}
