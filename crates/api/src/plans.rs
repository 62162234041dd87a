use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, LeasePolicy, LicenseId, LicenseType, Limit, PlanId, Price, Term, Timestamp};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{LimitMap, LimitMapEdit, Name};
use crate::{
    ListEdit, PolicyEdit, TermsChange,
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
    /// The name for people.
    pub name: String,
    /// Its place among the product's plans: more is higher.
    pub rank: i64,
    /// The type of its licenses.
    #[serde(rename = "type")]
    pub kind: LicenseType,
    /// The features that are on.
    pub features: BTreeSet<Code>,
    /// The limits.
    pub limits: BTreeMap<Code, Limit>,
    /// The length of a license: `30d`, `6m`, `1y`; null is perpetual. Months and years are those of the calendar.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub term: Option<Term>,
    /// The days of a term that is counted in days; null for every other.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub term_days: Option<i64>,
    /// The lease policy.
    pub lease_policy: LeasePolicy,
    /// The price; null where it is not public.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub price: Option<Price>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived; null where it is not.
    #[cfg_attr(feature = "openapi", schema(required))]
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
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = Name))]
    pub name: String,
    /// Its place among the product's plans: more is higher.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1000000))]
    pub rank: i64,
    /// `perpetual` without a term, else `standard`, unless said otherwise.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LicenseType>,
    /// The features that are on.
    #[serde(default)]
    pub features: BTreeSet<Code>,
    /// The limits; one slot by default.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = LimitMap))]
    pub limits: BTreeMap<Code, Limit>,
    /// The length of a license: `30d`, `6m`, `1y`; without it licenses are perpetual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// The same in days, as a number; not together with `term`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 36500))]
    pub term_days: Option<i64>,
    /// The lease policy; absent members have their defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_policy: Option<PolicyEdit>,
    /// The price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// `PATCH /v1/admin/plans/{id}`: what is absent stays, objects merge (RFC 7396). New licenses only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanEdit {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub name: Option<String>,
    /// Its place among the product's plans.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1000000))]
    pub rank: Option<i64>,
    /// The type of its licenses.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub kind: Option<LicenseType>,
    /// The features that are on: all of them, or the ones to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub features: Option<ListEdit<Code>>,
    /// Limits to set; null takes one away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<LimitMapEdit>))]
    pub limits: Option<BTreeMap<Code, Option<Limit>>>,
    /// The length of a license: `30d`, `6m`, `1y`; null is perpetual.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub term: Option<Option<Term>>,
    /// The same in days, as a number; not together with `term`; null is perpetual.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 36500))]
    pub term_days: Option<Option<i64>>,
    /// The lease policy.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub lease_policy: Option<PolicyEdit>,
    /// The price; null if it is not public.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub price: Option<Option<Price>>,
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
    /// `all` immediately, or `renewing`: each at its next renewal.
    Word(String),
    /// These licenses, immediately.
    Licenses(Vec<LicenseId>),
}

/// The work that `apply` has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplyAnswer {
    /// The number of licenses that take over the terms, now or at their renewal.
    pub licenses: u64,
    /// The changes for them, the most frequent one first; licenses that already have these terms are left out. Of more than ten
    /// thousand licenses the first ten thousand are looked at.
    #[serde(default)]
    pub changes: Vec<AppliedChange>,
}

/// A change that licenses have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppliedChange {
    /// The number of licenses.
    pub licenses: u64,
    /// The changes of their terms.
    pub terms: TermsChange,
}
