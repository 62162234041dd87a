#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod builder;
mod clock;
mod denied;
mod engine;
mod fingerprint;
mod gate;
mod grant;
mod guard;
mod license;
mod license_key;
mod platform;
mod random;
mod settings;
mod shared;
mod start_error;
mod state;
mod stop;
mod store;
mod time;
mod timing;
mod transport;

pub use builder::Builder;
pub use denied::{Denial, Denied, OverLimit};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use guard::{Guard, NotTold};
pub use kaching_api::{Contact, Holder, Quota, QuotaState, Upgrade};
pub use kaching_base::{
    ActivationId, Code, ErrorCode, FingerprintKind, LicenseId, LicenseType, Limit, Limits, Timestamp,
};
pub use kaching_license::RefusalCode;
pub use license::{Granted, License, RefusalView, Standing};
pub use license_key::{LicenseKey, LicenseKeyError};
pub use start_error::StartError;
pub use state::{State, Via, Watch};

#[doc(hidden)]
pub use clock::{Clock, Reading};
#[doc(hidden)]
pub use timing::Timing;
