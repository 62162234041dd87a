use kaching_base::Code;
use serde::{Deserialize, Serialize};

use crate::patch::present;
#[cfg(feature = "openapi")]
use crate::texts::{BenefitText, Name};

/// A capability that is on or off; its address is `<product>:<code>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Feature {
    /// The product that has it.
    pub product: Code,
    /// The code that the product checks.
    pub code: Code,
    /// The name for people.
    pub title: String,
    /// One line for an upgrade prompt.
    pub benefit: String,
}

/// `POST /v1/admin/features`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeatureCreate {
    /// The product that has it.
    pub product: Code,
    /// The code that the product checks; it never changes.
    pub code: Code,
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = Name))]
    pub title: String,
    /// One line for an upgrade prompt.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = BenefitText))]
    pub benefit: String,
}

/// `PATCH /v1/admin/features/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeatureEdit {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Name>))]
    pub title: Option<String>,
    /// One line for an upgrade prompt.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<BenefitText>))]
    pub benefit: Option<String>,
}
