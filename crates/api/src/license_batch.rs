use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{LicenseCreate, LicenseKeyAnswer};

/// `POST /v1/admin/licenses/batch`: licenses that differ only in their ids and keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LicenseBatchCreate {
    /// The number of licenses.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10_000))]
    pub count: u32,
    /// The members of each license. Without a tag, all get a new one, by which they are found.
    pub license: LicenseCreate,
}

/// The licenses of a batch with their keys.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LicenseBatch {
    /// The tags of each license.
    pub tags: BTreeSet<String>,
    /// The new licenses.
    pub items: Vec<LicenseKeyAnswer>,
}
