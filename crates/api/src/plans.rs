use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{
    Code, CopyPolicy, FingerprintKind, LeasePolicy, LicenseId, LicenseType, Limit, Mode, PlanId, Price, Term,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    ListEdit, TermsChange,
    patch::{nullable, present},
};

/// A tier of a product; its address is `<product>:<code>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The product it is a tier of.
    pub product: Code,
    /// Its address within the product.
    pub code: Code,
    /// What people call it.
    pub name: String,
    /// Its place among the product's plans: more is higher.
    pub rank: i64,
    /// What its licenses are sold as.
    #[serde(rename = "type")]
    pub kind: LicenseType,
    /// What it switches on.
    pub features: BTreeSet<Code>,
    /// What it allows.
    pub limits: BTreeMap<Code, Limit>,
    /// How long a license lasts: `30d`, `6m`, `1y`; null is perpetual. Months and years are those of the calendar.
    pub term: Option<Term>,
    /// The days of a term that is counted in days.
    pub term_days: Option<i64>,
    /// How its leases live and end.
    pub lease_policy: LeasePolicy,
    /// What it costs, where that is told.
    pub price: Option<Price>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived.
    pub archived_at: Option<Timestamp>,
}

/// `POST /v1/admin/plans`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanCreate {
    /// The product it is a tier of.
    pub product: Code,
    /// Its address within the product; it never changes.
    pub code: Code,
    /// What people call it.
    pub name: String,
    /// Its place among the product's plans: more is higher.
    #[serde(default)]
    pub rank: i64,
    /// `perpetual` without a term, else `standard`, unless said otherwise.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LicenseType>,
    /// What it switches on.
    #[serde(default)]
    pub features: BTreeSet<Code>,
    /// What it allows; one slot unless said otherwise.
    #[serde(default)]
    pub limits: BTreeMap<Code, Limit>,
    /// How long a license lasts: `30d`, `6m`, `1y`; without it licenses are perpetual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// The same in days, as a number; not together with `term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_days: Option<i64>,
    /// How its leases live and end; members that are absent have their defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_policy: Option<PolicyEdit>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// `PATCH /v1/admin/plans/{id}`: what is absent stays, objects merge (RFC 7396). New licenses only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanEdit {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub name: Option<String>,
    /// Its place among the product's plans.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub rank: Option<i64>,
    /// What its licenses are sold as.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub kind: Option<LicenseType>,
    /// What it switches on: all of it, or what to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub features: Option<ListEdit<Code>>,
    /// Limits to set; null takes one away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::patch::limits_schema))]
    pub limits: Option<BTreeMap<Code, Option<Limit>>>,
    /// How long a license lasts: `30d`, `6m`, `1y`; null is perpetual.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub term: Option<Option<Term>>,
    /// The same in days, as a number; not together with `term`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub term_days: Option<Option<i64>>,
    /// How its leases live and end.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub lease_policy: Option<PolicyEdit>,
    /// What it costs; null is not told.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub price: Option<Option<Price>>,
}

/// Members of a lease policy; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyEdit {
    /// Lifetime of a lease in seconds, 900 to 1800.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub lease_s: Option<i64>,
    /// Seconds it runs on without contact after the last lease's end.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub offline_s: Option<i64>,
    /// Days it runs on after the license's end; null means 14, and none for trials.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub expiry_days: Option<Option<i64>>,
    /// What a refusal or the end of grace does.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub mode: Option<Mode>,
    /// The features that stay where the mode is `degrade`: all of them, or those to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub keep: Option<ListEdit<Code>>,
    /// Seconds the superseded installation runs on after a takeover.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub move_grace_s: Option<i64>,
    /// Takeovers in 30 days by the key alone; 0 forbids them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub moves: Option<i64>,
    /// What is done about a suspected copy.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub copies: Option<CopyPolicy>,
    /// The accepted kinds of fingerprint: all of them, or those to add and to remove; empty accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub kinds: Option<ListEdit<FingerprintKind>>,
}

/// `POST /v1/admin/plans/{id}/apply`: gives a plan's terms to licenses that have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplyRequest {
    /// Which licenses.
    pub to: Apply,
    /// Also those of which more is in use than the terms allow.
    #[serde(default)]
    pub force: bool,
}

/// Which licenses take over the plan's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Apply {
    /// `all` at once, or `renewing`: each at its next renewal.
    Word(String),
    /// These at once.
    Licenses(Vec<LicenseId>),
}

/// What `apply` has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplyAnswer {
    /// How many licenses take over the terms, now or at their renewal.
    pub licenses: u64,
    /// What changes for them, the most frequent change first; nothing for those that have these terms. Of more than ten
    /// thousand licenses the first ten thousand are looked at.
    #[serde(default)]
    pub changes: Vec<AppliedChange>,
}

/// A change that licenses have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedChange {
    /// How many licenses.
    pub licenses: u64,
    /// What changes of their terms.
    pub terms: TermsChange,
}
