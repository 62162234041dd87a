use kaching_base::{Code, LeaseAlgorithm, ProductId, Timestamp};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{Email, KeyPrefixText, Name, WebAddress};
use crate::{
    Contact,
    patch::{nullable, present},
};

/// A program that is licensed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its address.
    pub code: Code,
    /// The name for people.
    pub name: String,
    /// The prefix of its license keys.
    pub key_prefix: String,
    /// Whom its customers ask for more.
    pub contact: Contact,
    /// The algorithm that signs its leases.
    pub lease_alg: LeaseAlgorithm,
    /// The form of its new license keys.
    pub key_format: KeyFormat,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was archived; null where it is not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub archived_at: Option<Timestamp>,
}

/// The form of a license key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum KeyFormat {
    /// `CHORUS-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`.
    Short,
    /// CAIO's, with a shared secret: anybody who holds it can forge keys.
    CaioV1,
    /// CAIO's, signed.
    CaioV2,
    /// AgencyOS's.
    Agency,
}

/// `POST /v1/admin/products`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductCreate {
    /// Its address; it never changes.
    pub code: Code,
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = Name))]
    pub name: String,
    /// The code upper-cased unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<KeyPrefixText>))]
    pub key_prefix: Option<String>,
    /// Whom its customers ask for more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// `EdDSA` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_alg: Option<LeaseAlgorithm>,
    /// `short` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_format: Option<KeyFormat>,
}

/// Members of a contact; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContactEdit {
    /// A page; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<WebAddress>))]
    pub url: Option<Option<String>>,
    /// A mail address; null takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Email>))]
    pub email: Option<Option<String>>,
}

/// `PATCH /v1/admin/products/{id}`: what is absent stays, objects merge (RFC 7396).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProductEdit {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub name: Option<String>,
    /// The prefix of its new license keys.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<KeyPrefixText>))]
    pub key_prefix: Option<String>,
    /// Whom its customers ask for more: members that are absent stay; null is nobody.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "nullable")]
    pub contact: Option<Option<ContactEdit>>,
    /// The algorithm that signs its leases.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub lease_alg: Option<LeaseAlgorithm>,
    /// The form of its new license keys.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub key_format: Option<KeyFormat>,
}
