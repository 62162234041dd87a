#![doc = include_str!("../README.md")]

pub mod activations;
mod address;
mod audit;
mod audit_log;
mod audit_view;
pub mod backup;
mod bearer;
mod blocking;
pub mod catalogue;
pub mod changes;
mod clock;
mod customers;
mod cx;
mod daily;
mod entitlement;
mod error;
mod features;
pub mod fill;
mod health;
mod idempotency;
pub mod jobs;
mod keys;
mod licenses;
mod list;
mod metrics;
mod migrations;
mod op;
mod open;
mod owners;
mod pace;
mod plans;
mod principal;
mod products;
mod refusals;
mod reminders;
pub mod reports;
mod retention;
mod search;
mod shared_run;
mod sight;
mod statements;
mod stats;
pub mod status;
mod stored;
mod subscriptions;
mod table;
mod tokens;
mod transaction;
pub mod validate;
mod versions;

use std::sync::Arc;

use arc_swap::ArcSwap;
use kaching_db::Db;

pub use audit_log::{ActorFilter, AuditFilter, AuditRecord};
pub use bearer::Bearer;
pub use clock::{AcceptedClock, Clock, Entropy, SystemClock, SystemEntropy};
pub use customers::{CustomerFilter, EditCustomer, NewCustomer};
pub use cx::{Actor, Cx, Expected, Once};
pub use daily::DailyLimits;
pub use error::{Error, Replay, Result};
pub use features::{EditFeature, FeatureDetails, FeatureFilter, NewFeature};
pub use kaching_db::Config as DatabaseConfig;
pub use kaching_domain as domain;
pub use kaching_domain::{Activation, ActivationStatus, Fingerprint, Holder, Nonce, Quota, Refused};
pub use kaching_license as license;
pub use kaching_license::{Authorization, Digest, LicenseKey};
pub use keys::{
    ChangedIssuer, KeyRing, MasterKey, PUBLISHED_BEFORE, RootMemory, RootStore, WithdrawnKey, write_private,
};
pub use licenses::{
    At, CreatedBatch, EditLicense, LicenseDetails, LicenseFilter, Licensed, NewLicense, Renewal, RevealedKey,
    Upgrade,
};
pub use list::{List, Page};
pub use op::Op;
pub use open::{Issuer, Options};
pub use plans::{Applied, Apply, ApplyPlan, EditPlan, NewPlan, PlanDetails, PlanFilter};
pub use principal::{Principal, Rights};
pub use products::{EditContact, EditProduct, NewProduct, ProductFilter};
pub use reminders::Reminder;
pub use retention::{LastRemoval, Removed, Retention};
pub use sight::Sight;
pub use stats::Stats;
pub use tokens::{CreatedToken, EditToken, NewToken, TokenFilter};
pub use versions::Versioned;

/// The license authority: every operation of the product, one transaction each.
pub struct Authority {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The issuer of the first keyset, or of a restore. From then on the one in the keyset counts.
    pub(crate) opened_for: String,
    pub(crate) changes: changes::Changes,
    pub(crate) watch: clock::ClockWatch,
    pub(crate) refusals: refusals::Repeated,
    pub(crate) statements: statements::Statements,
    pub(crate) metrics: metrics::AuthorityMetrics,
    /// Heartbeats that wait for the next transaction.
    pub(crate) heartbeats: activations::HeartbeatBatcher,
    pub(crate) entitlements: Arc<entitlement::EntitlementCache>,
    pub(crate) pace: pace::Pace,
    pub(crate) daily: DailyLimits,
    pub(crate) retention: Retention,
    /// The kinds of jobs that the workers of this process know.
    job_kinds: Vec<&'static [jobs::JobKind]>,
    /// A job was enqueued here, or another may be due.
    jobs_enqueued: tokio::sync::Notify,
    task_reports: jobs::TaskReports,
    /// The place, interval and number of scheduled backups; `None` makes none.
    backups: Option<backup::Schedule>,
    /// Replaced as a whole, by `renew_keyset` and `follow_keys`.
    ring: ArcSwap<KeyRing>,
    /// Goes out in a backup that is asked for with it, sealed by a passphrase.
    master: keys::MasterKey,
    data: keys::DataKeys,
    root: Arc<keys::RootKeeper>,
    /// Held by the one backup that is made at a time.
    copying: Arc<tokio::sync::Semaphore>,
}
