use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, CopyPolicy, FingerprintKind, Limit, Mode};
use serde::{Deserialize, Serialize};

use crate::{
    ListEdit,
    patch::{nullable, present},
};

/// The difference between the terms before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TermsChange {
    /// The features.
    pub features: FeaturesChange,
    /// The limits.
    pub limits: LimitsChange,
    /// The members of the lease policy that differ.
    pub lease_policy: BTreeSet<String>,
}

/// Features that a change switches on and off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeaturesChange {
    /// Features that it switches on.
    pub added: BTreeSet<Code>,
    /// Features that it switches off.
    pub removed: BTreeSet<Code>,
}

/// Limits that a change sets and takes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LimitsChange {
    /// Limits that were added.
    pub added: BTreeMap<Code, Limit>,
    /// Limits that were removed.
    pub removed: BTreeMap<Code, Limit>,
    /// Limits that changed.
    pub changed: BTreeMap<Code, LimitChange>,
}

/// A limit before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LimitChange {
    /// Before.
    pub from: Limit,
    /// After.
    pub to: Limit,
}

/// Members of a lease policy; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyEdit {
    /// Lifetime of a lease in seconds, 900 to 1800.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(minimum = 900, maximum = 1800))]
    pub lease_s: Option<i64>,
    /// Seconds it runs on without contact after the last lease's end.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 315360000))]
    pub offline_s: Option<i64>,
    /// Days it runs on after the license's end; null means 14, and none for trials.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 3650))]
    pub expiry_days: Option<Option<i64>>,
    /// The effect of a refusal or of the end of grace.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub mode: Option<Mode>,
    /// The features that stay where the mode is `degrade`: all of them, or those to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub keep: Option<ListEdit<Code>>,
    /// Seconds the superseded installation runs on after a takeover.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 2592000))]
    pub move_grace_s: Option<i64>,
    /// Takeovers in 30 days by the key alone; 0 forbids them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 1000000))]
    pub moves: Option<i64>,
    /// The effect of a suspected copy.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub copies: Option<CopyPolicy>,
    /// The accepted kinds of fingerprint: all of them, or those to add and to remove; empty accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub kinds: Option<ListEdit<FingerprintKind>>,
}
