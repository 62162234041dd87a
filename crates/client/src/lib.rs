#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

#[cfg(feature = "async")]
mod blocking;
mod builder;
mod checks;
mod clock;
mod counters;
mod denied;
mod engine;
mod event_stream;
mod fingerprint;
mod grant;
mod guard;
mod handover;
mod journal;
mod key_service;
#[cfg(feature = "tower")]
mod layers;
mod lease_url;
mod license;
mod license_key;
mod names;
mod platform;
#[cfg(any(feature = "axum", feature = "tower"))]
mod problem;
mod random;
mod role;
#[cfg(feature = "axum")]
mod router;
mod settings;
mod shared;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation;
mod standby;
mod start_error;
mod state;
mod state_files;
mod stop;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod timing;
mod transport;
mod validity;
#[cfg(test)]
mod vectors;
mod warning;

pub use builder::Builder;
pub use denied::{Denial, Denied, OverLimit};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use guard::{DeactivateError, Guard, ReportError};
pub use handover::{HandoverError, HandoverSource};
pub use kaching_api::{Contact, HealthStatus, Holder, Quota, ReportKind, Upgrade};
pub use kaching_base::{
    ActivationId, Code, ErrorCode, FingerprintKind, LicenseId, LicenseType, Limit, Limits, QuotaState,
    Timestamp,
};
pub use kaching_license::{RefusalCode, ValidationCode};
#[cfg(feature = "tower")]
pub use layers::{Gated, RequireFeature, RequireLicense};
pub use lease_url::LeaseUrl;
pub use license::{Granted, License, RefusalView, StateView};
pub use license_key::{LicenseKey, LicenseKeyError};
pub use names::{NameKind, UnknownName};
#[cfg(feature = "axum")]
pub use router::{LicensingRouter, router};
pub use start_error::StartError;
pub use state::{State, Via, Watch};
pub use validity::{ValidateError, Validity};
pub use warning::Warning;

#[doc(hidden)]
pub use clock::{Clock, Reading};
#[doc(hidden)]
pub use timing::Timing;
