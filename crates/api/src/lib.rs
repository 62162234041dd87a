#![doc = include_str!("../README.md")]

mod activate;
mod activations;
mod audit;
mod backup;
mod catalogue;
mod changes;
mod clock;
mod codes;
mod customers;
mod discovery;
mod doctor;
mod features;
mod heartbeat;
mod jobs;
mod keys;
mod license_batch;
mod licenses;
mod list;
mod list_edit;
mod patch;
mod plans;
mod problem;
mod products;
mod quotas;
mod reminders;
mod reports;
mod secret;
mod stats;
mod status;
mod terms;
#[cfg(feature = "openapi")]
mod texts;
mod tokens;
mod validate;

pub use activate::{ActivateAnswer, ActivateRequest, DeactivateRequest};
pub use activations::{Activation, ActivationStatus, MoveRequest, ReleaseRequest, ReportedHealth};
pub use audit::{Actor, AuditEntry};
pub use backup::{BackupRequest, SealedRoot};
pub use catalogue::{Catalogue, CatalogueFeature, CataloguePlan, Contact, Upgrade};
pub use changes::{Changes, EndReason, Ping, StreamEnd};
pub use clock::AcceptedClock;
pub use codes::{STATUSES, status, title};
pub use customers::{Customer, CustomerCreate, CustomerEdit};
pub use discovery::{Discovery, Endpoints, Jwk, Jwks};
pub use doctor::{Check, CheckStatus};
pub use features::{Feature, FeatureCreate, FeatureEdit};
pub use heartbeat::{Health, HealthStatus, HeartbeatAnswer, HeartbeatRequest, LogPosition, Usage};
pub use jobs::{Job, JobState};
pub use keys::{ChangedIssuer, IssuerChange, Key, KeyCreate, KeyPurpose, Root, WithdrawnKey};
pub use license_batch::{LicenseBatch, LicenseBatchCreate};
pub use licenses::{
    At, Binding, FindRequest, License, LicenseCreate, LicenseEdit, LicenseKeyAnswer, LicenseKeysRequest,
    LicenseState, LicenseStatus, ProductLicense, RekeyRequest, RenewRequest, RevokeRequest, Scheduled, Start,
    SuspendRequest, TransferRequest, UpgradeRequest,
};
pub use list::List;
pub use list_edit::ListEdit;
pub use plans::{AppliedChange, Apply, ApplyAnswer, ApplyRequest, Plan, PlanCreate, PlanEdit};
pub use problem::{FieldError, Problem};
pub use products::{ContactEdit, KeyFormat, Product, ProductCreate, ProductEdit};
pub use quotas::{Holder, Quota};
pub use reminders::Reminder;
pub use reports::{ReportKind, ReportRequest};
pub use secret::SecretText;
pub use stats::Stats;
pub use status::{PlanSummary, Status, StatusActivations};
pub use terms::{FeaturesChange, LimitChange, LimitsChange, PolicyEdit, TermsChange};
pub use tokens::{Token, TokenCreate, TokenEdit};
pub use validate::{ValidateAnswer, ValidateRequest};
