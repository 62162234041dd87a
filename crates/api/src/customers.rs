use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{CustomerId, Reference, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    ListEdit,
    patch::{nullable, present},
};

/// A buyer, addressed by id or reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// The vendor's own name for it.
    pub reference: Option<Reference>,
    /// The name for people.
    pub name: String,
    /// The mail address; null also for those without the scope `personal:read`.
    pub email: Option<String>,
    /// The company.
    pub company: Option<String>,
    /// Words to find it by.
    pub tags: BTreeSet<String>,
    /// For the operators.
    pub notes: String,
    /// For other systems.
    pub metadata: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived.
    pub archived_at: Option<Timestamp>,
}

/// `POST /v1/admin/customers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CustomerCreate {
    /// The name for people.
    pub name: String,
    /// The vendor's own name for it; unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: BTreeSet<String>,
    /// For the operators.
    #[serde(default)]
    pub notes: String,
    /// For other systems.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// `PATCH /v1/admin/customers/{id}`: what is absent stays, objects merge (RFC 7396).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CustomerEdit {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub name: Option<String>,
    /// The vendor's own name for it; unique.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub reference: Option<Option<Reference>>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub email: Option<Option<String>>,
    /// The company.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub company: Option<Option<String>>,
    /// Words to find it by: all of them, or those to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub tags: Option<ListEdit<String>>,
    /// For the operators.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub notes: Option<String>,
    /// Entries to set; null takes one away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub metadata: Option<BTreeMap<String, Option<String>>>,
}
