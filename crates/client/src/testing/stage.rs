use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kaching_api::Catalogue;
use kaching_base::{ActivationId, Code, ErrorCode, LicenseId, LicenseType, Limits, Mode, Seconds, Timestamp};
use kaching_license::{Digest, Grace, Lease, ValidationCode};

use crate::{
    LicenseKey, Validity,
    clock::after,
    engine::Scene,
    grant::Grant,
    shared::{Inner, Shared},
};

/// What a test has set, shared by the guard and the desk.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Mutex<Set>>);

/// What a test has set.
pub(crate) struct Set {
    pub(super) licensed: bool,
    pub(super) features: BTreeSet<Code>,
    pub(super) limits: Limits,
    pub(super) mode: Mode,
    pub(super) keep: BTreeSet<Code>,
    /// The present plan stands first.
    pub(super) catalogue: Catalogue,
    /// The one key that works; any where there is none.
    pub(super) key: Option<LicenseKey>,
    pub(super) entered: Option<LicenseKey>,
    pub(super) standing: Standing,
}

/// How the license stands.
pub(super) enum Standing {
    Granted,
    Refused(ErrorCode),
    Offline { until: Timestamp },
    Expired,
}

const LEASE: Duration = Duration::from_secs(900);
const OFFLINE: Seconds = Seconds::days(3);
const EXPIRY: Seconds = Seconds::days(14);
const TERM: Seconds = Seconds::days(365);

impl Stage {
    pub(super) fn new(set: Set) -> Self {
        Self(Arc::new(Mutex::new(set)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Set {
    fn works(&self, license_key: &LicenseKey) -> bool {
        self.key.as_ref().is_none_or(|key| key.expose() == license_key.expose())
    }

    /// Takes a key that somebody entered, if it is the one that works; then there is a license.
    pub(super) fn takes(&mut self, license_key: &LicenseKey) -> bool {
        let works = self.works(license_key);
        if works {
            self.entered = Some(license_key.clone());
            self.licensed = true;
        }
        works
    }

    /// What the authority would say of a key.
    pub(crate) fn validity(&self, license_key: &LicenseKey) -> Validity {
        let no = |code: ErrorCode| {
            Validity::new(ValidationCode::No(code.into()), false, format!("{}.", kaching_api::title(code)))
        };
        match self.standing {
            _ if !self.works(license_key) => no(ErrorCode::LicenseNotFound),
            Standing::Refused(code) => no(code),
            Standing::Expired => no(ErrorCode::LicenseExpired),
            Standing::Granted | Standing::Offline { .. } => {
                Validity::new(ValidationCode::Valid, true, "The license is valid.".to_owned())
            }
        }
    }

    /// Lets the guard stand so.
    pub(super) fn show(&self, shared: &Shared, inner: &mut Inner) {
        let now = shared.reading();
        let time = inner.engine.scene_time(now);
        let refused = match self.standing {
            Standing::Refused(code) => Some((code.into(), format!("{}.", kaching_api::title(code)))),
            _ => None,
        };
        let grant =
            self.licensed.then(|| Grant { lease: self.lease(time), catalogue: Some(self.catalogue.clone()) });
        let contact = !matches!(self.standing, Standing::Offline { .. });
        inner.engine.stand(Scene { grant, refused, contact }, now);
        shared.settle(inner);
    }

    fn lease(&self, time: Timestamp) -> Lease {
        let soon = after(time, LEASE);
        let (exp, run_until, lic_exp) = match self.standing {
            Standing::Granted | Standing::Refused(_) => (soon, soon + OFFLINE, time + TERM),
            Standing::Offline { until } => (time, until, until + TERM),
            Standing::Expired => (time, time - Seconds(1), time - EXPIRY),
        };
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
            plan: self.catalogue.plans.first().map_or_else(|| super::code("test"), |plan| plan.code.clone()),
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
