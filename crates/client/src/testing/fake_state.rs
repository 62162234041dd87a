use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kaching_api::Catalogue;
use kaching_base::{
    ActivationId, Anchor, Code, ErrorCode, LicenseId, LicenseType, Limit, Limits, Mode, Overage, Period,
    Seconds, Timestamp,
};
use kaching_license::{Digest, Grace, Lease, ValidationCode};

use crate::{
    LicenseKey, Validity,
    clock::after,
    grant::Grant,
    shared::{Inner, Shared},
};

/// The authority that a test plays, shared by the guard and the test's control.
#[derive(Clone)]
pub(super) struct FakeAuthority(Arc<Mutex<FakeState>>);

/// The license that a test has set.
pub(super) struct FakeState {
    pub(super) licensed: bool,
    pub(super) features: BTreeSet<Code>,
    pub(super) limits: Limits,
    pub(super) mode: Mode,
    pub(super) keep: BTreeSet<Code>,
    /// The present plan is the first.
    pub(super) catalogue: Catalogue,
    /// The only key that works; any does if there is none.
    pub(super) key: Option<LicenseKey>,
    pub(super) entered: Option<LicenseKey>,
    pub(super) status: FakeStatus,
}

/// The status of the license.
pub(super) enum FakeStatus {
    Granted,
    Refused(ErrorCode),
    Offline { until: Timestamp },
    Expired,
}

const LEASE: Duration = Duration::from_secs(900);
const OFFLINE: Seconds = Seconds::days(3);
const EXPIRY: Seconds = Seconds::days(14);
const TERM: Seconds = Seconds::days(365);

impl FakeAuthority {
    pub(super) fn new(state: FakeState) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, FakeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeState {
    /// Switches a feature on, which the present plan has from then on.
    pub(super) fn add_feature(&mut self, feature: &str) {
        let feature = Code::verbatim(feature.to_owned());
        self.features.insert(feature.clone());
        if let Some(plan) = self.catalogue.plans.first_mut() {
            plan.features.insert(feature);
        }
    }

    /// Sets a limit, which the present plan has from then on.
    pub(super) fn add_limit(&mut self, name: &str, limit: Limit) {
        let name = Code::verbatim(name.to_owned());
        self.limits.insert(name.clone(), limit);
        if let Some(plan) = self.catalogue.plans.first_mut() {
            plan.limits.insert(name, limit);
        }
    }

    fn works(&self, license_key: &LicenseKey) -> bool {
        self.key.as_ref().is_none_or(|key| key.expose() == license_key.expose())
    }

    /// Takes a key that somebody entered, and returns whether it works; then there is a license.
    pub(super) fn enter(&mut self, license_key: &LicenseKey) -> bool {
        let works = self.works(license_key);
        if works {
            self.entered = Some(license_key.clone());
            self.licensed = true;
        }
        works
    }

    /// Returns the authority's answer about a key.
    pub(super) fn validity(&self, license_key: &LicenseKey) -> Validity {
        let no = |code: ErrorCode| {
            Validity::new(ValidationCode::No(code.into()), false, format!("{}.", kaching_api::title(code)))
        };
        match self.status {
            _ if !self.works(license_key) => no(ErrorCode::LicenseNotFound),
            FakeStatus::Refused(code) => no(code),
            FakeStatus::Expired => no(ErrorCode::LicenseExpired),
            FakeStatus::Granted | FakeStatus::Offline { .. } => {
                Validity::new(ValidationCode::Valid, true, "The license is valid.".to_owned())
            }
        }
    }

    fn lease(&self, time: Timestamp) -> Lease {
        let soon = after(time, LEASE);
        let (exp, run_until, lic_exp) = match self.status {
            FakeStatus::Granted | FakeStatus::Refused(_) => (soon, soon + OFFLINE, time + TERM),
            FakeStatus::Offline { until } => (time, until, until + TERM),
            FakeStatus::Expired => (time, time - Seconds(1), time - EXPIRY),
        };
        let plan = self.catalogue.plans.first().map(|plan| plan.code.clone());
        Lease {
            iss: String::new(),
            aud: self.catalogue.product.clone(),
            iat: time,
            nbf: time,
            exp,
            ks: 0,
            jti: String::new(),
            sub: LicenseId::from_bytes([1; 16]),
            act: ActivationId::from_bytes([2; 16]),
            fpr: Digest::of("test"),
            hb: 300,
            req: Digest::of(""),
            run_until,
            epoch: 1,
            rev: 1,
            plan: plan.unwrap_or_else(|| Code::verbatim("test".to_owned())),
            r#type: LicenseType::Standard,
            features: self.features.clone(),
            limits: self.limits.clone(),
            lic_exp: Some(lic_exp),
            grace: Grace {
                offline_s: OFFLINE.0.unsigned_abs(),
                expiry_s: EXPIRY.0.unsigned_abs(),
                mode: self.mode,
                keep: self.keep.clone(),
            },
            cat: Digest::of(""),
            log: None,
        }
    }
}

/// Returns the limit of a counter of a calendar month.
pub(super) fn monthly(max: u64) -> Limit {
    Limit::Counter { max: Some(max), per: Period::Month, anchor: Anchor::Utc, overage: Overage::Hard }
}

/// Puts the guard into the state that a test has set.
pub(super) fn show(fake: &FakeState, shared: &Shared, inner: &mut Inner) {
    let now = shared.reading();
    let time = inner.engine.fake_time(now);
    let refused = match fake.status {
        FakeStatus::Refused(code) => Some((code.into(), format!("{}.", kaching_api::title(code)))),
        _ => None,
    };
    let grant = fake.licensed.then(|| Grant {
        lease: fake.lease(time),
        catalogue: Some(fake.catalogue.clone()),
        is_current: true,
    });
    let contact = !matches!(fake.status, FakeStatus::Offline { .. });
    inner.engine.fake(grant, refused, contact, now);
    shared.publish(inner);
}
