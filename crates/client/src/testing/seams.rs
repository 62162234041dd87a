//! The parts of a guard that reach its surroundings, as a test plays them.

use std::sync::Arc;

use kaching_base::ErrorCode;

use super::fake_state::{FakeAuthority, show};
use crate::{
    Fingerprint, LicenseKey, StartError, ValidateError, Validity,
    clock::Reading,
    counters::Counters,
    engine::Engine,
    key_service::KeyService,
    role::Role,
    shared::Shared,
    state_files::StateFiles,
    transport::{Call, Reply, Transport},
};

/// Sends nothing.
pub(super) struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: &Call) -> Reply {
        Reply::Unreachable("a test has no network".to_owned())
    }
}

/// Keeps everything in memory.
pub(super) struct MemoryOnly;

impl StateFiles for MemoryOnly {
    fn write(&mut self, engine: &mut Engine, counters: &Counters, _: bool, now: Reading) {
        engine.count(counters.levels(), counters.take_usage(), now);
    }
}

/// Answers as the test says.
pub(super) struct FakeKeys {
    pub(super) shared: Arc<Shared>,
    pub(super) authority: FakeAuthority,
}

impl KeyService for FakeKeys {
    fn activate(&self, license_key: LicenseKey, _: Option<Fingerprint>) -> Result<(), StartError> {
        let mut inner = self.shared.lock();
        if inner.engine.role() == Role::Closed {
            return Err(StartError::Setting("the guard is shut down".to_owned()));
        }
        let mut fake = self.authority.lock();
        if !fake.enter(&license_key) {
            let (code, detail) = (ErrorCode::LicenseNotFound, "No license has this key.".to_owned());
            return Err(StartError::UnknownKey { code, detail });
        }
        inner.engine.reactivate();
        show(&fake, &self.shared, &mut inner);
        Ok(())
    }

    fn validate(&self, license_key: &LicenseKey, _: Option<&Fingerprint>) -> Result<Validity, ValidateError> {
        Ok(self.authority.lock().validity(license_key))
    }
}
