use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{
    Code, CustomerId, EndDate, FingerprintKind, LeasePolicy, LicenseId, LicenseType, Limit, Term, Timestamp,
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{CustomerAddress, LimitMap, LimitMapEdit, Metadata, MetadataEdit, Notes, Reason, Tag};
use crate::{
    KeyFormat, ListEdit, PolicyEdit, SecretText, TermsChange,
    patch::{nullable, present},
};

/// The grant of a plan's terms to a customer, as operators see it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct License {
    /// Its id.
    pub id: LicenseId,
    /// Only in the answer that makes it, and to those with the right to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretText>,
    /// The buyer.
    pub customer: CustomerId,
    /// The product.
    pub product: Code,
    /// The plan whose terms it copied.
    pub plan: Code,
    /// The type.
    #[serde(rename = "type")]
    pub kind: LicenseType,
    /// The stored status.
    pub status: LicenseStatus,
    /// The present state.
    pub state: LicenseState,
    /// Grows with every change that a lease must reflect.
    pub revision: u64,
    /// Null until the first activation, where that starts it.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub starts_at: Option<Timestamp>,
    /// Null if perpetual, or not started.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expires_at: Option<Timestamp>,
    /// The features that are on.
    pub features: BTreeSet<Code>,
    /// The limits.
    pub limits: BTreeMap<Code, Limit>,
    /// The number of slots in use: of activations that are active.
    pub used_slots: u64,
    /// The complete lease policy.
    pub lease_policy: LeasePolicy,
    /// The bindings; without any, every installation of an accepted kind may use it.
    pub bindings: Vec<Binding>,
    /// Words to find it by.
    pub tags: BTreeSet<String>,
    /// For the operators.
    pub notes: String,
    /// For other systems.
    pub metadata: BTreeMap<String, String>,
    /// Why it is suspended; only while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_reason: Option<String>,
    /// A change of plan that waits for the period's end; only where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Scheduled>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; null where it is not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub archived_at: Option<Timestamp>,
    /// The changes of its terms by the call; only in the answer of a call that changed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<TermsChange>,
}

/// A change of plan that takes effect later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scheduled {
    /// The plan that it will have.
    pub plan: Code,
    /// From when.
    pub at: Timestamp,
}

/// A license as the product that runs on it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductLicense {
    /// Its id.
    pub id: LicenseId,
    /// The product.
    pub product: Code,
    /// The plan whose terms it copied.
    pub plan: Code,
    /// The type.
    #[serde(rename = "type")]
    pub kind: LicenseType,
    /// The stored status.
    pub status: LicenseStatus,
    /// The present state.
    pub state: LicenseState,
    /// Grows with every change that a lease must reflect.
    pub revision: u64,
    /// Null until the first activation, where that starts it.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub starts_at: Option<Timestamp>,
    /// Null if perpetual, or not started.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expires_at: Option<Timestamp>,
    /// The features that are on.
    pub features: BTreeSet<Code>,
    /// The limits.
    pub limits: BTreeMap<Code, Limit>,
    /// The complete lease policy.
    pub lease_policy: LeasePolicy,
    /// The bindings; without any, every installation of an accepted kind may use it.
    pub bindings: Vec<Binding>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The stored status of a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LicenseStatus {
    /// In force, within its dates.
    Active,
    /// Stopped until reinstated.
    Suspended,
    /// Stopped for good.
    Revoked,
}

/// The present state of a license, from its status and dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LicenseState {
    /// Starts later.
    NotYetValid,
    /// In force.
    Active,
    /// Past its end date, within expiry grace.
    InGrace,
    /// Past its end date and grace.
    Expired,
    /// Stopped until reinstated.
    Suspended,
    /// Stopped for good.
    Revoked,
}

/// A binding of a license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Binding {
    /// The kind of the fingerprint.
    pub kind: FingerprintKind,
    /// The fingerprint; for domains also `*.example.com`, but no public suffix such as `*.com`.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 256))]
    pub value: String,
}

/// `POST /v1/admin/licenses`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LicenseCreate {
    /// Id or reference.
    #[cfg_attr(feature = "openapi", schema(value_type = CustomerAddress))]
    pub customer: String,
    /// The product.
    pub product: Code,
    /// The plan whose terms it copies.
    pub plan: Code,
    /// That of the plan unless said otherwise.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LicenseType>,
    /// The length from the start, in place of the plan's term: `30d`, `6m`, `1y`; not together with `expires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// The same in days, as a number; not together with `term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 36500))]
    pub days: Option<i64>,
    /// The end date. A bare day is included: `2027-12-31` ends at midnight UTC after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EndDate>,
    /// Now unless said otherwise; not together with `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Starts with the first activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// In addition to those of the plan.
    #[serde(default)]
    pub features: BTreeSet<Code>,
    /// In place of the plan's of the same name.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = LimitMap))]
    pub limits: BTreeMap<Code, Limit>,
    /// In place of the plan's members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_policy: Option<PolicyEdit>,
    /// The bindings.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub bindings: Vec<Binding>,
    /// The product's unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_format: Option<KeyFormat>,
    /// Words to find it by.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeSet<Tag>, max_items = 50))]
    pub tags: BTreeSet<String>,
    /// For the operators.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Notes))]
    pub notes: String,
    /// For other systems.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Metadata))]
    pub metadata: BTreeMap<String, String>,
}

/// The event that starts a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Start {
    /// The first activation sets both dates.
    FirstActivation,
}

/// `PATCH /v1/admin/licenses/{id}`: what is absent stays, objects merge (RFC 7396).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LicenseEdit {
    /// The type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub kind: Option<LicenseType>,
    /// When it starts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub starts_at: Option<Timestamp>,
    /// The end date, a bare day included; null is perpetual.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub expires_at: Option<Option<EndDate>>,
    /// The features that are on: all of them, or the ones to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub features: Option<ListEdit<Code>>,
    /// Limits to set; null takes one away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<LimitMapEdit>))]
    pub limits: Option<BTreeMap<Code, Option<Limit>>>,
    /// The lease policy.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub lease_policy: Option<PolicyEdit>,
    /// The bindings: all of them, or the ones to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub bindings: Option<ListEdit<Binding>>,
    /// Words to find it by: all of them, or those to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ListEdit<Tag>>))]
    pub tags: Option<ListEdit<String>>,
    /// For the operators.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Notes>))]
    pub notes: Option<String>,
    /// Entries to set; null takes one away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<MetadataEdit>))]
    pub metadata: Option<BTreeMap<String, Option<String>>>,
    /// Also below present use.
    #[serde(default)]
    pub force: bool,
}

/// `GET /v1/admin/licenses/{id}/key`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LicenseKeyAnswer {
    /// The license.
    pub id: LicenseId,
    /// Its present key.
    pub key: SecretText,
}

/// `POST /v1/admin/licenses/keys`: the licenses whose keys to show.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LicenseKeysRequest {
    /// Their ids.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 200))]
    pub licenses: Vec<LicenseId>,
}

/// `POST /v1/admin/licenses/find`: a key is sent in a body, since URLs are logged.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindRequest {
    /// Its key, as it was typed.
    pub license_key: SecretText,
}

/// `POST …/suspend`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuspendRequest {
    /// The reason: shown to the customer, and kept apart from the audit entry.
    #[cfg_attr(feature = "openapi", schema(value_type = Reason))]
    pub reason: String,
}

/// `POST …/revoke`: for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokeRequest {
    /// The license's id once more.
    #[cfg_attr(feature = "openapi", schema(value_type = LicenseId))]
    pub confirm: String,
}

/// `POST …/upgrade`, up or down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpgradeRequest {
    /// Another plan of the same product.
    pub plan: Code,
    /// When.
    #[serde(default)]
    pub at: At,
    /// Also below present use.
    #[serde(default)]
    pub force: bool,
}

/// When a change of plan takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum At {
    /// Immediately.
    #[default]
    Now,
    /// At the end date.
    PeriodEnd,
}

/// `POST …/renew`: `term`, `days` or `expires_at`, or none of them for the plan's term.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewRequest {
    /// From the present end date if that is in the future, else from now: `30d`, `6m`, `1y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// The same in days, as a number; not together with `term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 36500))]
    pub days: Option<i64>,
    /// The new end date, a bare day included; not before the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EndDate>,
    /// Also where the plan's terms are below present use.
    #[serde(default)]
    pub force: bool,
}

/// `POST …/rekey`: a new key in place of the old.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RekeyRequest {
    /// Seconds for which the old key still works.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 31536000))]
    pub old_ends_in_s: i64,
}

/// `POST …/transfer`: to another customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransferRequest {
    /// Id or reference.
    #[cfg_attr(feature = "openapi", schema(value_type = CustomerAddress))]
    pub customer: String,
}
