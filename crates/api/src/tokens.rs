use std::collections::BTreeSet;

use kaching_base::{EndDate, Timestamp, TokenId};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{Name, ScopeWord};
use crate::{
    ListEdit, SecretText,
    patch::{nullable, present},
};

/// A program with rights on the authority.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// The name for people.
    pub name: String,
    /// The scopes.
    pub scopes: BTreeSet<String>,
    /// When it ends; null is never.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expires_at: Option<Timestamp>,
    /// When it was last used; null is never.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived, after which it does not work; null where it is not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub archived_at: Option<Timestamp>,
    /// `kch_…`, only in the answer that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
}

/// `POST /v1/admin/tokens`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenCreate {
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = Name))]
    pub name: String,
    /// The scopes; `admin` has all rights.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeSet<ScopeWord>, min_items = 1))]
    pub scopes: BTreeSet<String>,
    /// When it ends, a bare day included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<EndDate>,
}

/// `PATCH /v1/admin/tokens/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenEdit {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub name: Option<String>,
    /// The scopes: all of them, or the ones to add and to remove.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ListEdit<ScopeWord>>))]
    pub scopes: Option<ListEdit<String>>,
    /// When it ends, a bare day included; null is never.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub expires_at: Option<Option<EndDate>>,
}
