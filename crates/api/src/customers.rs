use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{CustomerId, Reference, Timestamp};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{Email, Metadata, MetadataEdit, Name, NewReference, Notes, Tag};
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
    /// The vendor's own name for it; null where there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reference: Option<Reference>,
    /// The name for people.
    pub name: String,
    /// The mail address; null also for those without the scope `personal:read`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub email: Option<String>,
    /// The company; null where there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
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
    /// When it was archived; null where it is not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub archived_at: Option<Timestamp>,
}

/// `POST /v1/admin/customers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CustomerCreate {
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = Name))]
    pub name: String,
    /// The vendor's own name for it; unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<NewReference>))]
    pub reference: Option<Reference>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Email>))]
    pub email: Option<String>,
    /// The company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub company: Option<String>,
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

/// `PATCH /v1/admin/customers/{id}`: what is absent stays, objects merge (RFC 7396).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CustomerEdit {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub name: Option<String>,
    /// The vendor's own name for it, which is unique; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<NewReference>))]
    pub reference: Option<Option<Reference>>,
    /// The mail address; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Email>))]
    pub email: Option<Option<String>>,
    /// The company; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub company: Option<Option<String>>,
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
}
