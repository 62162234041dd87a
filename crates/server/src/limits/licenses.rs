//! Limits of calls with a license key, by license, and of new installations of a license.

use std::sync::{Mutex, MutexGuard};

use kaching_authority::{Licensed, activations::Activated};
use kaching_base::{ErrorCode, LicenseId, Seconds, Timestamp};

use super::{
    buckets::Buckets, failures::SecretHash, headers::Budget, limited, note, rate::Rate, recent::Recent,
};
use crate::{
    App,
    admission::Turn,
    arrival::Arrival,
    config::LimitSettings,
    metrics::LimitKind,
    problem::{Rejected, Result},
    route::CallClass,
};

/// The licenses of known keys, and their buckets.
pub(crate) struct Licenses {
    calls_per_second: u32,
    calls_burst: u32,
    new_installations_per_hour: u32,
    new_installations_burst: u32,
    validations: Option<Rate>,
    /// The slots that a license without a limit counts as.
    unlimited: u64,
    /// Licenses by the HMAC of their key, with the moment when the key was last looked up.
    known: Mutex<Recent<SecretHash, (LicenseId, Timestamp)>>,
    calls: Buckets<LicenseId>,
    validated: Buckets<LicenseId>,
    new_installations: Buckets<LicenseId>,
}

/// The purpose of a call with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPurpose {
    /// Reads only, mostly from memory: it has a bucket of its own.
    Validate,
    Other,
}

/// The license of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    license: LicenseId,
    slots: u64,
    read_at: Timestamp,
}

/// An admitted call with a key.
pub(crate) struct ByKey {
    /// `None` if no license has the key.
    known: Option<Known>,
    lookup: SecretHash,
    turn: Turn,
}

/// Whether a new installation may be admitted; the place is taken before it is known to be needed,
/// so that simultaneous calls get no more places than there are.
pub(crate) enum NewInstallation {
    /// No limit applies.
    Free,
    Reserved(Known),
    /// Only an installation that the license had before may be admitted.
    Spent(Budget),
}

/// The most remembered keys and licenses; the least recently used ones are forgotten as new ones come.
const MOST: usize = 65_536;
/// A key that was looked up within this time is not looked up again,
const FRESH: Seconds = Seconds(60);
/// unless its call would be refused, and it was not looked up within this time either.
const RECENT: Seconds = Seconds(1);

impl Licenses {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        Self {
            calls_per_second: settings.license_per_second,
            calls_burst: settings.license_burst,
            new_installations_per_hour: settings.new_fingerprints_per_hour,
            new_installations_burst: settings.new_fingerprints_burst,
            validations: Rate::per_second(settings.validations_per_second, settings.validations_burst.into()),
            unlimited: settings.unlimited_slots.into(),
            known: Mutex::new(Recent::new(MOST, None)),
            calls: Buckets::new(MOST, None),
            validated: Buckets::new(MOST, None),
            new_installations: Buckets::new(MOST, None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent<SecretHash, (LicenseId, Timestamp)>> {
        self.known.lock().expect("nothing panics while it is held")
    }

    fn learn(&self, lookup: SecretHash, licensed: &Licensed, now: Timestamp) -> Known {
        self.lock().put(lookup, (licensed.license, now), now.micros());
        self.known(licensed, now)
    }

    fn known(&self, licensed: &Licensed, read_at: Timestamp) -> Known {
        Known { license: licensed.license, slots: licensed.slots.unwrap_or(self.unlimited), read_at }
    }

    fn take_call(
        &self,
        known: &Known,
        purpose: KeyPurpose,
        now: Timestamp,
    ) -> Option<std::result::Result<Budget, Budget>> {
        if purpose == KeyPurpose::Validate {
            let rate = self.validations?;
            let budget = |left| Budget::of(LimitKind::Validations, rate, left);
            let taken = self.validated.take(known.license, rate, now.micros());
            return Some(taken.map(budget).map_err(budget));
        }
        let burst = known.slots.saturating_mul(2).saturating_add(self.calls_burst.into());
        let rate = Rate::per_second(self.calls_per_second, burst)?;
        let budget = |left| Budget::of(LimitKind::License, rate, left);
        Some(self.calls.take(known.license, rate, now.micros()).map(budget).map_err(budget))
    }

    fn new_installations_of(&self, known: &Known) -> Option<Rate> {
        Rate::per_hour(self.new_installations_per_hour, known.slots.max(self.new_installations_burst.into()))
    }

    fn take_new_installation(&self, known: &Known, now: Timestamp) -> NewInstallation {
        let Some(rate) = self.new_installations_of(known) else { return NewInstallation::Free };
        match self.new_installations.take(known.license, rate, now.micros()) {
            Ok(_) => NewInstallation::Reserved(*known),
            Err(left) => NewInstallation::Spent(Budget::of(LimitKind::Fingerprints, rate, left)),
        }
    }

    fn give_back(&self, known: &Known, now: Timestamp) {
        if let Some(rate) = self.new_installations_of(known) {
            self.new_installations.give_back(known.license, rate, now.micros());
        }
    }
}

impl Known {
    fn is_older(&self, than: Seconds, now: Timestamp) -> bool {
        now.since(self.read_at) >= than
    }
}

impl ByKey {
    /// Keeps only the turn.
    pub(crate) fn into_turn(self) -> Turn {
        self.turn
    }
}

impl NewInstallation {
    /// Returns whether the authority may admit one.
    pub(crate) fn may(&self) -> bool {
        !matches!(self, Self::Spent(_))
    }
}

impl App {
    /// Admits a call with a well-formed key: it waits for its turn, and takes from the bucket of the key's license. From an
    /// address that failed too often, only a call with the key of a license is admitted.
    pub(crate) async fn by_key(
        &self,
        arrival: &Arrival,
        key: &kaching_authority::LicenseKey,
        purpose: KeyPurpose,
    ) -> Result<ByKey> {
        let (lookup, licenses) = (self.authority.keys().lookup(key), &self.limits.licenses);
        let remembered = licenses.lock().get(&lookup);
        let spent = self.spent(arrival);
        if let (None, Some(spent)) = (remembered, spent) {
            self.may_look_up(&lookup, spent)?;
        }
        let recent = remembered.filter(|(_, read_at)| self.now().since(*read_at) < FRESH);
        // The slots are those that the authority's cache has. A license that it does not have is looked up.
        let paced = recent.and_then(|(license, read_at)| {
            Some(licenses.known(&self.authority.cached_slots(license)?, read_at))
        });
        let mut taken = paced.as_ref().and_then(|known| licenses.take_call(known, purpose, self.now()));
        // An increase of the slots is found later, and does not change the limit on validations.
        if let (Some(Err(spent)), Some(known)) = (taken, &paced)
            && (purpose == KeyPurpose::Validate || !known.is_older(RECENT, self.now()))
        {
            return Err(self.too_many_calls(spent));
        }
        let turn = self.turn(CallClass::Keys).await?;
        let mut known = paced;
        if known.is_none() || matches!(taken, Some(Err(_))) {
            known = self.look_up(lookup).await?;
            taken = known.as_ref().and_then(|known| licenses.take_call(known, purpose, self.now()));
        }
        if let (None, Some(spent)) = (known, spent) {
            return Err(self.too_many_failures(spent));
        }
        match taken {
            Some(Ok(budget)) => note(budget),
            Some(Err(spent)) => return Err(self.too_many_calls(spent)),
            None => {}
        }
        Ok(ByKey { known, lookup, turn })
    }

    /// Returns whether the license of this call may admit an installation that it never had. Only the authority knows
    /// whether a takeover is a move from another installation, and the license limits moves itself.
    pub(crate) async fn new_installation(&self, call: &ByKey) -> Result<NewInstallation> {
        let Some(known) = &call.known else { return Ok(NewInstallation::Free) };
        let licenses = &self.limits.licenses;
        let taken = licenses.take_new_installation(known, self.now());
        if taken.may() || !known.is_older(RECENT, self.now()) {
            return Ok(taken);
        }
        Ok(match self.look_up(call.lookup).await? {
            Some(known) => licenses.take_new_installation(&known, self.now()),
            None => NewInstallation::Free,
        })
    }

    /// Returns the reserved place if no new installation was admitted; a refusal takes none.
    pub(crate) fn settle(
        &self,
        new_installation: &NewInstallation,
        activated: Result<&Activated, &Rejected>,
    ) {
        let took = match activated {
            Ok(activated) => activated.first,
            // Without an answer, the installation may have been admitted.
            Err(rejected) => rejected.code() == ErrorCode::OutcomeUnknown.as_str(),
        };
        if let (NewInstallation::Reserved(known), false) = (new_installation, took) {
            self.limits.licenses.give_back(known, self.now());
        }
    }

    /// Adds the budget to the authority's refusal of a new installation.
    pub(crate) fn too_many_new_installations(
        &self,
        new_installation: &NewInstallation,
        rejected: Rejected,
    ) -> Rejected {
        match new_installation {
            // One that says itself how long to wait has met the limit of the day.
            NewInstallation::Spent(spent)
                if rejected.code() == ErrorCode::RateLimited.as_str()
                    && rejected.problem.retry_after_s.is_none() =>
            {
                limited(&self.metrics, *spent, &rejected.problem.detail)
            }
            _ => rejected,
        }
    }

    async fn look_up(&self, lookup: SecretHash) -> Result<Option<Known>> {
        let found = self.authority.licensed(lookup).await?;
        if found.is_none() {
            self.limits.licenses.lock().remove(&lookup);
            self.limits.failures.learn_unknown(lookup, self.now());
        }
        Ok(found.map(|licensed| self.limits.licenses.learn(lookup, &licensed, self.now())))
    }

    fn too_many_calls(&self, spent: Budget) -> Rejected {
        limited(&self.metrics, spent, "this license key is used too often; wait as long as Retry-After says")
    }
}
