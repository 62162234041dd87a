use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, Limit, Price};
use serde::{Deserialize, Serialize};

/// `GET /v1/catalogue`: a product's features and plans as its customers may see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Catalogue {
    /// The product's code.
    pub product: Code,
    /// Whom to ask for more.
    pub contact: Contact,
    /// The features.
    pub features: Vec<CatalogueFeature>,
    /// The tiers, by rank.
    pub plans: Vec<CataloguePlan>,
}

/// Whom to ask for more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contact {
    /// A page; null where there is none.
    #[serde(default)]
    pub url: Option<String>,
    /// A mail address; null where there is none.
    #[serde(default)]
    pub email: Option<String>,
}

/// A capability with what it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CatalogueFeature {
    /// The code that a product checks.
    pub code: Code,
    /// The name for people.
    pub title: String,
    /// One line for an upgrade prompt.
    pub benefit: String,
}

/// A tier as customers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CataloguePlan {
    /// Its code.
    pub code: Code,
    /// Its name.
    pub name: String,
    /// Its place among the product's plans.
    pub rank: i64,
    /// The price, if it is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// The features that are on.
    pub features: BTreeSet<Code>,
    /// The limits.
    pub limits: BTreeMap<Code, Limit>,
}

/// The plan that would allow what was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Upgrade {
    /// Its code.
    pub plan: Code,
    /// Its name.
    pub name: String,
    /// The benefit for the customer: one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benefit: Option<String>,
}
